"""What `AutoMixLLM` adds to a query, against the same steps written by hand over the same children.

    python -m benchmarks.llamaindex.overhead [--rounds N] [--json]

Children answer at once, so only the machinery is timed. `engine` is a query engine with `AutoMixLLM`, by hand is
retrieval, prompt, draft, k gathered checks, comparison and the large model. `plain` is the same query engine with the
large model alone: what LlamaIndex itself spends on a query. Calls take turns; times are lower deciles, since other work
on the machine only ever adds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from statistics import quantiles
from typing import Any

from benchmarks.llamaindex.children import Child
from benchmarks.llamaindex.hand import QUESTION, ByHand, index
from llamaindex_automix import AutoMixLLM, SelfVerifier

WARM = 20


def decile(times: list[float]) -> float:
    """Milliseconds."""
    return quantiles(times, n=10)[0] * 1000


def timed(calls: list[Callable[[], Any]], rounds: int) -> list[float]:
    """The times of `calls`, which take turns."""
    times: list[list[float]] = [[] for _ in calls]
    for turn in range(rounds + WARM):
        for kind, call in enumerate(calls):
            start = time.perf_counter()
            call()
            if turn >= WARM:
                times[kind].append(time.perf_counter() - start)
    return [decile(each) for each in times]


async def atimed(calls: list[Callable[[], Awaitable[Any]]], rounds: int) -> list[float]:
    """The same, awaited in one event loop."""
    times: list[list[float]] = [[] for _ in calls]
    for turn in range(rounds + WARM):
        for kind, call in enumerate(calls):
            start = time.perf_counter()
            await call()
            if turn >= WARM:
                times[kind].append(time.perf_counter() - start)
    return [decile(each) for each in times]


def measure(rounds: int) -> list[dict[str, Any]]:
    rows = []
    for k in (1, 8):
        for path, number in (("accept", 2), ("escalate", 1)):
            question = f"{QUESTION} ({number})"
            small, large, documents = Child(text="A draft."), Child(text="An answer."), index()
            model = AutoMixLLM(models=[small, large], verifier=SelfVerifier(k=k))
            engine, plain = documents.as_query_engine(llm=model), documents.as_query_engine(llm=large)
            hand = ByHand(small, large, documents.as_retriever(), k)
            assert str(engine.query(question)) == hand.query(question)
            for mode in ("sync", "async"):
                if mode == "sync":
                    found = timed(
                        [lambda: engine.query(question), lambda: hand.query(question), lambda: plain.query(question)],
                        rounds,
                    )  # noqa: B023, E501
                else:
                    found = asyncio.run(
                        atimed(
                            [
                                lambda: engine.aquery(question),
                                lambda: hand.aquery(question),
                                lambda: plain.aquery(question),
                            ],
                            rounds,
                        )  # noqa: B023, E501
                    )
                ours, by_hand, host = (round(each, 3) for each in found)
                ratio = round(ours / by_hand, 2)
                rows.append(
                    {
                        "k": k,
                        "path": path,
                        "mode": mode,
                        "engine_ms": ours,
                        "by_hand_ms": by_hand,
                        "plain_ms": host,
                        "ratio": ratio,
                    }
                )  # noqa: E501
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = measure(asked.rounds)
    if asked.json:
        print(json.dumps(rows))
        return
    print("k  path      mode   engine ms  by hand ms  ratio  plain engine ms")
    for row in rows:
        print(
            f"{row['k']}  {row['path']:8}  {row['mode']:5}  {row['engine_ms']:9.3f}  {row['by_hand_ms']:10.3f}  "
            f"{row['ratio']:5.2f}  {row['plain_ms']:15.3f}"
        )


if __name__ == "__main__":
    main()

"""Many queries at once, against the same steps written by hand with gather over the same children.

    python -m benchmarks.llamaindex.concurrent [--rounds N] [--json]

`in process`: 64 concurrent `aquery` calls over children that await 50 ms. `http`: OpenAILike children over a loopback
server that answers after 50 ms, 8 queries in flight. By hand is draft, k gathered checks, comparison and the large
model for every second question, in the same query engine; `bare` is the same without a query engine. Rounds take turns;
each ratio is the median of the rounds' ratios. A stall is the longest time for which the event loop answered nobody.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

from llama_index.llms.openai_like import OpenAILike

from benchmarks.burst import Ask, Burst, burst, middle, ratios
from benchmarks.llamaindex.children import Child
from benchmarks.llamaindex.hand import QUESTION, ByHand, alone, index
from llamaindex_automix import AutoMixLLM, SelfVerifier
from tests.loopback import OpenAIServer, Reply
from tests.loopback.request import Request

PAUSE = 0.05


async def compare(asked: dict[str, Ask], queries: int, in_flight: int, rounds: int) -> dict[str, Any]:
    """Rounds of all in turns, the first of each to warm up."""
    found: dict[str, list[Burst]] = {name: [] for name in asked}
    for turn in range(rounds + 1):
        for name, ask in asked.items():
            measured = await burst(ask, QUESTION, queries, in_flight)
            if turn:
                found[name].append(measured)
    row: dict[str, Any] = {"queries": queries, "in_flight": in_flight}
    for name, rounds_of_one in found.items():
        took, stall, busy = middle(rounds_of_one)
        row[f"{name} per s"] = round(queries / took, 1)
        row[f"{name} stall ms"] = round(stall * 1000, 1)
        row[f"{name} processor ms"] = round(busy / queries * 1000, 2)
    kinds = ("throughput ratio", "stall ratio", "processor ratio")
    whole = ratios(found["ours"], found["by hand"])
    return row | {kind: round(ratio, 2) for kind, ratio in zip(kinds, whole, strict=True)}


def engines(small: Any, large: Any, k: int) -> dict[str, Ask]:
    """The three that are compared, over one index."""
    documents, hand = index(), ByHand(small=small, large=large, k=k)
    ours = AutoMixLLM(models=[small, large], verifier=SelfVerifier(k=k), verify_concurrency=k)
    return {
        "ours": documents.as_query_engine(llm=ours).aquery,
        "by hand": documents.as_query_engine(llm=hand).aquery,
        "bare": alone(hand, documents.as_retriever()),
    }


def in_process(rounds: int, k: int) -> dict[str, Any]:
    small, large = Child(text="A draft.", pause=PAUSE), Child(text="An answer.", pause=PAUSE)
    return asyncio.run(compare(engines(small, large, k), 64, 64, rounds))


def over_http(rounds: int, k: int) -> dict[str, Any]:
    def verdict(request: Request) -> Reply:
        number = request.question.partition("(")[2].partition(")")[0]
        return Reply(f"So it says.\nVerdict: {'Incorrect' if int(number) % 2 else 'Correct'}", delay=PAUSE)

    with OpenAIServer() as server:
        server.say(None, Reply("An answer.", delay=PAUSE))
        server.verdicts(verdict)
        settings: dict[str, Any] = {"api_base": server.url, "api_key": "none", "is_chat_model": True, "max_retries": 0}
        small, large = (OpenAILike(model=name, context_window=32_000, **settings) for name in ("small", "large"))
        return asyncio.run(compare(engines(small, large, k), 32, 8, rounds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--k", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = {"in process": in_process(asked.rounds, asked.k), "http": over_http(asked.rounds, asked.k)}
    if asked.json:
        print(json.dumps(found))
        return
    for name, row in found.items():
        print(f"{name}: {row['queries']} queries, {row['in_flight']} in flight, k = {asked.k}")
        for who in ("ours", "by hand", "bare"):
            print(
                f"  {who:8} {row[f'{who} per s']:7.1f} queries a second, longest stall {row[f'{who} stall ms']:7.1f} "
                f"ms, {row[f'{who} processor ms']:.2f} ms of the processor a query"
            )
        print(
            f"  ours to by hand: throughput {row['throughput ratio']}, stall {row['stall ratio']}, "
            f"processor {row['processor ratio']}"
        )


if __name__ == "__main__":
    main()

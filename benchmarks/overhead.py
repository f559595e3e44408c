"""What AutoMix adds to the same steps written by hand with the same objects.

    python benchmarks/overhead.py [--rounds N] [--json]

Children answer at once, so only the machinery is timed. By hand: the small model, the verifier's own few-shot prompt
formatted, k verdicts as AutoMix draws them (k concurrent calls of a model without `n`), the verifier's reader, a
comparison, the large model. Calls of both kinds take turns; times are medians. With a tracer, each call by hand gets
the same in-memory tracer (and none of the nesting).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableConfig
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from langchain_automix import AutoMixChatModel, SelfVerifier

CONTEXT = "Quillon is a harbour town. Its lighthouse was built by Oda Verrin. " * 8
QUESTION = "Who built the lighthouse?"
MESSAGES: list[BaseMessage] = [SystemMessage(f"Answer from this context.\n{CONTEXT}"), HumanMessage(QUESTION)]
CONCURRENCY = 8
CLOCK = time.perf_counter


class AtOnce(BaseChatModel):
    """Answers at once, in its own colour both ways."""

    text: str

    @property
    def _llm_type(self) -> str:
        return "at-once"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        verdict = "Unsupported.\nVerdict: Incorrect" if len(messages) > 2 else self.text
        usage: Any = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        return ChatResult(generations=[ChatGeneration(message=AIMessage(verdict, usage_metadata=usage))])

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return self._generate(messages)


class ByHand:
    """The same steps with the same objects."""

    def __init__(self, small: BaseChatModel, large: BaseChatModel, verifier: SelfVerifier) -> None:
        self.small, self.large, self.verifier = small, large, verifier
        self.settings = {"temperature": verifier.temperature, "max_tokens": verifier.max_tokens}

    def check(self, draft: AIMessage) -> list[BaseMessage]:
        whole = "\n\n".join(f"{message.type}: {message.text}" for message in MESSAGES)
        return self.verifier.prompt.format_messages(context=whole, question=QUESTION, answer=draft.text)

    def kept(self, replies: list[AIMessage]) -> bool:
        read = [self.verifier.reader.invoke(reply) for reply in replies]
        readable = [verdict for verdict in read if verdict is not None]
        return bool(readable) and sum(readable) / len(readable) >= 0.75

    def invoke(self, config: RunnableConfig) -> AIMessage:
        draft = self.small.invoke(MESSAGES, config)
        prompt = self.check(draft)
        limited: RunnableConfig = {**config, "max_concurrency": CONCURRENCY}
        replies = self.small.batch([prompt] * self.verifier.k, limited, **self.settings)
        return draft if self.kept(replies) else self.large.invoke(MESSAGES, config)

    async def ainvoke(self, config: RunnableConfig) -> AIMessage:
        draft = await self.small.ainvoke(MESSAGES, config)
        prompt = self.check(draft)
        limited: RunnableConfig = {**config, "max_concurrency": CONCURRENCY}
        replies = await self.small.abatch([prompt] * self.verifier.k, limited, **self.settings)
        return draft if self.kept(replies) else await self.large.ainvoke(MESSAGES, config)


def timed(one: Callable[[], Any], other: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Median seconds of both, called in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 20):
        for kind, call in enumerate((one, other)):
            start = CLOCK()
            call()
            if turn >= 20:  # warm by then
                times[kind].append(CLOCK() - start)
    return median(times[0]), median(times[1])


async def atimed(
    one: Callable[[], Awaitable[Any]], other: Callable[[], Awaitable[Any]], rounds: int
) -> tuple[float, float]:
    """The same, awaited in one event loop."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 20):
        for kind, call in enumerate((one, other)):
            start = CLOCK()
            await call()
            if turn >= 20:
                times[kind].append(CLOCK() - start)
    return median(times[0]), median(times[1])


def measure(rounds: int) -> list[dict[str, Any]]:
    rows = []
    for k in (1, 8):
        small, large, verifier = AtOnce(text="A draft."), AtOnce(text="An answer."), SelfVerifier(k=k)
        model = AutoMixChatModel(models=[small, large], verifier=verifier, verify_concurrency=CONCURRENCY)
        hand = ByHand(small, large, verifier)
        for tracer in (False, True):
            config: RunnableConfig = {"callbacks": [RunCollectorCallbackHandler()]} if tracer else {}
            assert model.invoke(MESSAGES, config).text == hand.invoke(config).text == "An answer."
            for mode in ("sync", "async"):
                if mode == "sync":
                    ours, by_hand = timed(
                        lambda c=config, m=model: m.invoke(MESSAGES, c),  # type: ignore[misc]
                        lambda c=config, h=hand: h.invoke(c),  # type: ignore[misc]
                        rounds,
                    )
                else:
                    ours, by_hand = asyncio.run(
                        atimed(
                            lambda c=config, m=model: m.ainvoke(MESSAGES, c),  # type: ignore[misc]
                            lambda c=config, h=hand: h.ainvoke(c),  # type: ignore[misc]
                            rounds,
                        )
                    )
                rows.append(
                    {
                        "k": k,
                        "mode": mode,
                        "tracer": tracer,
                        "by_hand_ms": round(by_hand * 1000, 3),
                        "ours_ms": round(ours * 1000, 3),
                        "ratio": round(ours / by_hand, 2),
                        "added_ms": round((ours - by_hand) * 1000, 3),
                    }
                )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = measure(asked.rounds)
    if asked.json:
        print(json.dumps(rows))
        return
    print("k  mode   tracer  by hand ms  ours ms  ratio  added ms")
    for row in rows:
        tracer = "one" if row["tracer"] else "none"
        print(
            f"{row['k']}  {row['mode']:5}  {tracer:6}  {row['by_hand_ms']:10.3f}  {row['ours_ms']:7.3f}  "
            f"{row['ratio']:5.2f}  {row['added_ms']:8.3f}"
        )


if __name__ == "__main__":
    main()

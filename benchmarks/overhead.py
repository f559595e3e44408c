"""What AutoMix adds to the same steps written by hand with the same objects.

    python -m benchmarks.overhead [--rounds N] [--processor] [--json]

Children answer at once, so only the machinery is timed. By hand: the small model, the verifier's own few-shot prompt
formatted, k concurrent verdicts of a model without `n`, the verifier's reader, a comparison, the large model. Only at
k = 1 are the steps the same: above it AutoMix draws in rounds, three of eight where all say incorrect.
Calls of both kinds take turns; times are lower deciles, since other work on the machine
only ever adds. With a tracer the steps by hand are traced either as they are, each model call a trace of its own
("loose"), or in one trace with a run for the whole, the check and the decision, as AutoMix shows them ("tree").
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler

from benchmarks.turns import Clock, atimed, clock_of, timed
from langchain_automix import AutoMixChatModel, SelfVerifier

CONTEXT = "Quillon is a harbour town. Its lighthouse was built by Oda Verrin. " * 8
QUESTION = "Who built the lighthouse?"
MESSAGES: list[BaseMessage] = [SystemMessage(f"Answer from this context.\n{CONTEXT}"), HumanMessage(QUESTION)]
CONCURRENCY = 8


class AtOnce(BaseChatModel):
    """Answers at once, in its own colour both ways. It has the fields that real clients have for a check's settings."""

    text: str
    temperature: float | None = None
    max_tokens: int | None = None

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
        self.settings: dict[str, Any] = {"temperature": verifier.temperature, "max_tokens": verifier.reply_tokens}

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

    def stream(self) -> Iterator[AIMessage]:
        draft = self.small.invoke(MESSAGES)
        replies = self.small.batch(
            [self.check(draft)] * self.verifier.k, {"max_concurrency": CONCURRENCY}, **self.settings
        )
        yield from [draft] if self.kept(replies) else self.large.stream(MESSAGES)

    async def ainvoke(self, config: RunnableConfig) -> AIMessage:
        draft = await self.small.ainvoke(MESSAGES, config)
        prompt = self.check(draft)
        limited: RunnableConfig = {**config, "max_concurrency": CONCURRENCY}
        replies = await self.small.abatch([prompt] * self.verifier.k, limited, **self.settings)
        return draft if self.kept(replies) else await self.large.ainvoke(MESSAGES, config)


class Tree(ByHand):
    """The same in one trace: runs for the whole, the check and the decision."""

    def __init__(self, small: BaseChatModel, large: BaseChatModel, verifier: SelfVerifier) -> None:
        super().__init__(small, large, verifier)
        self.whole = RunnableLambda(self._whole, self._awhole, name="answer")
        self.step = RunnableLambda(self._step, self._astep, name="verify")
        self.decision = RunnableLambda(self.kept, name="decide")

    def invoke(self, config: RunnableConfig) -> AIMessage:
        return self.whole.invoke(QUESTION, config)

    async def ainvoke(self, config: RunnableConfig) -> AIMessage:
        return await self.whole.ainvoke(QUESTION, config)

    def _whole(self, question: str, config: RunnableConfig) -> AIMessage:
        draft = self.small.invoke(MESSAGES, config)
        kept = self.decision.invoke(self.step.invoke(draft, config), config)
        return draft if kept else self.large.invoke(MESSAGES, config)

    async def _awhole(self, question: str, config: RunnableConfig) -> AIMessage:
        draft = await self.small.ainvoke(MESSAGES, config)
        kept = await self.decision.ainvoke(await self.step.ainvoke(draft, config), config)
        return draft if kept else await self.large.ainvoke(MESSAGES, config)

    def _step(self, draft: AIMessage, config: RunnableConfig) -> list[AIMessage]:
        limited: RunnableConfig = {**config, "max_concurrency": CONCURRENCY}
        return self.small.batch([self.check(draft)] * self.verifier.k, limited, **self.settings)

    async def _astep(self, draft: AIMessage, config: RunnableConfig) -> list[AIMessage]:
        limited: RunnableConfig = {**config, "max_concurrency": CONCURRENCY}
        return await self.small.abatch([self.check(draft)] * self.verifier.k, limited, **self.settings)


def _read(stream: Callable[..., Iterator[Any]], *asked: Any) -> None:
    for _ in stream(*asked):
        pass


def measure(rounds: int, clock: Clock) -> list[dict[str, Any]]:
    rows = []
    for k in (1, 8):
        small, large, verifier = AtOnce(text="A draft."), AtOnce(text="An answer."), SelfVerifier(k=k)
        model = AutoMixChatModel(models=[small, large], verifier=verifier, verify_concurrency=CONCURRENCY)
        parts = (small, large, verifier)
        for tracer, hand in (("none", ByHand(*parts)), ("loose", ByHand(*parts)), ("tree", Tree(*parts))):
            config: RunnableConfig = {} if tracer == "none" else {"callbacks": [RunCollectorCallbackHandler()]}
            assert model.invoke(MESSAGES, config).text == hand.invoke(config).text == "An answer."
            asked: dict[str, list[Callable[[], Any]]] = {
                "sync": [partial(model.invoke, MESSAGES, config), partial(hand.invoke, config)],
                "async": [partial(model.ainvoke, MESSAGES, config), partial(hand.ainvoke, config)],
            }
            if tracer == "none":
                asked["stream"] = [partial(_read, model.stream, MESSAGES), partial(_read, hand.stream)]
            for mode, calls in asked.items():
                found = asyncio.run(atimed(calls, rounds, clock)) if mode == "async" else timed(calls, rounds, clock)
                ours, by_hand = found
                rows.append(
                    {
                        "k": k,
                        "mode": mode,
                        "tracer": tracer,
                        "by_hand_ms": round(by_hand, 3),
                        "ours_ms": round(ours, 3),
                        "ratio": round(ours / by_hand, 2),
                        "added_ms": round(ours - by_hand, 3),
                    }
                )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--processor", action="store_true", help="count the processor's time")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = measure(asked.rounds, clock_of(asked.processor))
    if asked.json:
        print(json.dumps(rows))
        return
    print("k  mode   tracer  by hand ms  ours ms  ratio  added ms")
    for row in rows:
        print(
            f"{row['k']}  {row['mode']:5}  {row['tracer']:6}  {row['by_hand_ms']:10.3f}  {row['ours_ms']:7.3f}  "
            f"{row['ratio']:5.2f}  {row['added_ms']:8.3f}"
        )


if __name__ == "__main__":
    main()

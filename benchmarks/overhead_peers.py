"""What a cascade adds to the calls that it makes: ours, and a peer's with the same calls.

    python -m benchmarks.overhead_peers [--peer-python PATH] [--json]

The calls are a draft, and where it is given up the large model. Nothing is checked and the rule is a constant, so that
only the machinery is timed. Children answer at once. Each subject is timed in a process and an environment of its own,
beside the same children called by hand there; they take turns, and the time is the processor's. `traced` has a handler
that collects the runs.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler

from benchmarks.subjects import WAYS, Way, arguments, results
from benchmarks.turns import atimed, clock_of, timed

ROUNDS, CLOCK = 60, clock_of(True)
MESSAGES: list[BaseMessage] = [
    SystemMessage(
        "Answer from this context.\n" + "Quillon is a harbour town. Its lighthouse was built by Oda Verrin. " * 8
    ),
    HumanMessage("Who built the lighthouse?"),
]
ASKED = ("invoke", "ainvoke", "stream", "astream")


class AtOnce(BaseChatModel):
    """Answers at once, whole or in two pieces."""

    text: str

    @property
    def _llm_type(self) -> str:
        return "at-once"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        usage: Any = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self.text, usage_metadata=usage))])

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return self._generate(messages)

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        for piece in self.text.partition(" "):
            yield ChatGenerationChunk(message=AIMessageChunk(content=piece))

    async def _astream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        for chunk in self._stream(messages):
            yield chunk


def build(subject: str, way: Way, small: BaseChatModel, large: BaseChatModel) -> BaseChatModel:
    """The subject over the two, its rule a constant and no check made."""
    if subject == "automix":
        from automix_core import Accept, Decision, Draft, Finish, State
        from langchain_automix import AutoMixChatModel

        @dataclass(frozen=True)
        class Constant:
            """Drafts, then does what it always does."""

            def decide(self, state: State) -> Decision:
                if state.latest is None:
                    return Decision(Draft(0), "the first step")
                return Decision(Accept(0) if way == "accept" else Finish(1), "always so")

        return AutoMixChatModel(models=[small, large], policy=Constant())
    from cascadeflow.langchain import CascadeFlow  # type: ignore[import-not-found,unused-ignore]

    score = 1.0 if way == "accept" else 0.0
    peer: BaseChatModel = CascadeFlow(
        drafter=small, verifier=large, enable_pre_router=False, quality_validator=lambda result: score
    )
    return peer


def called(model: Any, asked: str, config: Any) -> Callable[[], Any]:
    """One call of `model` in one of the four ways, its stream read to the end."""
    if asked in ("invoke", "ainvoke"):
        return lambda: getattr(model, asked)(MESSAGES, config())
    if asked == "stream":
        return lambda: list(model.stream(MESSAGES, config()))

    async def read() -> list[Any]:
        return [chunk async for chunk in model.astream(MESSAGES, config())]

    return read


def by_hand(way: Way, small: Any, large: Any, asked: str, config: Any) -> Callable[[], Any]:
    """The draft, and where it is given up the large model."""
    draft = called(small, "ainvoke" if asked.startswith("a") else "invoke", config)
    answer = called(large, asked, config)
    if way == "accept":
        return draft
    if asked in ("invoke", "stream"):
        return lambda: (draft(), answer())

    async def both() -> None:
        await draft()
        await answer()

    return both


def measure(subject: str) -> list[dict[str, Any]]:
    """Milliseconds of the processor of each way of asking, and those by hand."""
    small, large = AtOnce(text="A draft."), AtOnce(text="An answer.")
    rows = []
    for traced in (False, True):

        def config(traced: bool = traced) -> dict[str, Any]:
            heard: list[BaseCallbackHandler] = [RunCollectorCallbackHandler()] if traced else []
            return {"callbacks": heard}

        for way in WAYS:
            model = build(subject, way, small, large)
            for asked in ASKED:
                calls = [called(model, asked, config), by_hand(way, small, large, asked, config)]
                took = asyncio.run(atimed(calls, ROUNDS, CLOCK)) if asked[0] == "a" else timed(calls, ROUNDS, CLOCK)
                row = {"path": way, "asked": asked, "traced": traced, "ms": round(took[0], 3)}
                rows.append(row | {"by_hand_ms": round(took[1], 3), "ratio": round(took[0] / took[1], 2)})
    return rows


def main() -> None:
    warnings.simplefilter("ignore")
    asked = arguments(__doc__)
    found = results("benchmarks.overhead_peers", measure, asked)
    if asked.json:
        print(json.dumps(found))
        return
    print("path      asked    traced  " + "".join(f"{subject:>30}" for subject in found))
    for place, row in enumerate(next(iter(found.values()))):
        line = f"{row['path']:8}  {row['asked']:8} {'yes' if row['traced'] else 'no':6}  "
        for rows in found.values():
            one = rows[place]
            line += f"{one['ms']:9.3f} /{one['by_hand_ms']:7.3f} = {one['ratio']:5.2f}   "
        print(line)


if __name__ == "__main__":
    main()

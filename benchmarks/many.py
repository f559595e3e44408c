"""A thousand awaited calls, 64 at a time, against the same steps by hand; and memory over ten thousand calls.

    python -m benchmarks.many [--calls N] [--flat N] [--rounds N]

Children await 50 ms (the memory part: none). By hand is a draft, one check and, for every second question, the large
model, with the same clients and the same checking prompt; k is 1, so that both take the same steps. Rounds take turns
and the first of each is left out; a stall is the longest time for which the event loop answered nobody.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import tracemalloc
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from automix_core.checking.verdict import read_verdict
from benchmarks.burst import Ask, Burst, burst, middle, ratios
from langchain_automix import AutoMixChatModel, SelfVerifier

PAUSE, AT_A_TIME = 0.05, 64
QUESTION = "Who built the lighthouse?"
CONTEXT = "Quillon is a harbour town. Its lighthouse was built by Oda Verrin. " * 8


class Waits(BaseChatModel):
    """Answers after `pause` seconds; every second question's draft is found wrong.

    It has the fields that real clients have for a check's settings.
    """

    pause: float = PAUSE
    temperature: float | None = None
    max_tokens: int | None = None

    @property
    def _llm_type(self) -> str:
        return "waits"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        asked = str(messages[-1].content)
        wrong = int(asked.partition("(")[2].partition(")")[0] or 0) % 2
        said = f"So it says.\nVerdict: {'Incorrect' if wrong else 'Correct'}" if len(messages) > 1 else "Oda Verrin."
        usage: Any = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        message = AIMessage(said, usage_metadata=usage, response_metadata={"finish_reason": "stop"})
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        await asyncio.sleep(self.pause)
        return self._generate(messages)


def both(pause: float) -> tuple[Ask, Ask]:
    """Our call, and the steps by hand."""
    small, large = Waits(pause=pause), Waits(pause=pause)
    ours, verifier = AutoMixChatModel([small, large], SelfVerifier(k=1)), SelfVerifier(small, k=1)
    settings: dict[str, Any] = {"temperature": 1.0, "max_tokens": 256}

    async def ask(question: str) -> Any:
        return await ours.ainvoke(question, automix_context=CONTEXT)

    async def by_hand(question: str) -> Any:
        asked: list[BaseMessage] = [HumanMessage(question)]
        draft = await small.ainvoke(asked)
        case = {"context": CONTEXT, "question": question, "answer": draft.text}
        said = await small.ainvoke(await verifier.prompt.aformat_messages(**case), **settings)
        return draft if read_verdict(said.text) else await large.ainvoke(asked)

    return ask, by_hand


async def throughput(calls: int, rounds: int) -> None:
    """Print what many calls take, ours and by hand in turns."""
    asked, ours, hand = both(PAUSE), list[Burst](), list[Burst]()
    for turn in range(rounds + 1):
        for ask, kept in zip(asked, (ours, hand), strict=True):
            measured = await burst(ask, QUESTION, calls if turn else AT_A_TIME, AT_A_TIME)
            if turn:
                kept.append(measured)
    for name, kept in (("ours", ours), ("by hand", hand)):
        took, stall, busy = middle(kept)
        print(f"{name:8} {calls / took:7.1f} calls a second, longest stall {stall * 1000:6.1f} ms", end=", ")
        print(f"{busy / calls * 1000:.2f} ms of the processor a call")
    calls_a_second, stalls, processor = ratios(ours, hand)
    print(f"throughput {calls_a_second:.2f} of by hand", end=", ")
    print(f"stalls {stalls:.2f} times theirs, the processor's time {processor:.2f} times theirs")


async def memory(calls: int) -> None:
    """Print what is held after the first 1,000 calls and after each tenth of all."""
    ask, _ = both(0.0)
    tracemalloc.start()
    done = 0
    for most in (min(1000, calls), *(calls * tenth // 10 for tenth in range(2, 11))):
        while done < most:
            await asyncio.gather(*(ask(f"Who built it? ({number})") for number in range(done, min(done + 50, most))))
            done = min(done + 50, most)
        gc.collect()
        print(f"{done:6} calls: {tracemalloc.get_traced_memory()[0] / 1e6:7.2f} MB, {len(asyncio.all_tasks())} task")


def main() -> None:
    """Print both."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--calls", type=int, default=1000)
    arguments.add_argument("--flat", type=int, default=10_000)
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    if given.calls:
        asyncio.run(throughput(given.calls, given.rounds))
    if given.flat:
        asyncio.run(memory(given.flat))


if __name__ == "__main__":
    main()

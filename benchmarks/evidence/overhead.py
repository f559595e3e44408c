"""What signals add to a call, in both frameworks: the same call with all textual signals and with none.

    python -m benchmarks.evidence.overhead [--rounds N]

Children answer at once, one verdict, a context of 4 kB; the calls take turns. Times are the processor's, of all
threads, lower deciles: on a machine with other work the clock on the wall says nothing. The signals alone are timed
too, beside one pass of lower-casing and splitting.
"""

from __future__ import annotations

import argparse
import asyncio
import timeit
from collections.abc import Awaitable, Callable
from functools import partial
from statistics import quantiles
from time import process_time
from typing import Any

from llama_index.core.prompts.chat_prompts import CHAT_TEXT_QA_PROMPT

from automix_core.evidence import asked, textual
from benchmarks.llamaindex.children import Child
from benchmarks.overhead import AtOnce
from langchain_automix import AutoMixChatModel
from langchain_automix import SelfVerifier as LangChainVerifier
from llamaindex_automix import AutoMixLLM, SelfVerifier

QUESTION = "Who built the lighthouse of Quillon? (2)"
CONTEXT = " ".join(f"In {1700 + i} harbour master number {i} of Quillon mended the lighthouse." for i in range(70))[
    :4096
]
NONE: list[str] = []
WARM = 20


def calls() -> dict[str, tuple[list[Callable[[], Any]], bool]]:
    """For each framework and way the calls with and without signals, and whether they are awaited."""
    small, large = AtOnce(text="Master number 12 of Quillon."), AtOnce(text="An answer.")
    chats = [
        AutoMixChatModel(models=[small, large], verifier=LangChainVerifier(k=1), signals=names)
        for names in ("auto", NONE)
    ]
    kids = [Child(text="Master number 12 of Quillon."), Child(text="An answer.")]
    llms = [AutoMixLLM(models=kids, verifier=SelfVerifier(k=1), signals=names) for names in ("auto", NONE)]
    prompt = CHAT_TEXT_QA_PROMPT.partial_format(query_str=QUESTION)
    return {
        "LangChain, invoke": ([partial(chat.invoke, QUESTION, automix_context=CONTEXT) for chat in chats], False),
        "LangChain, ainvoke": ([partial(chat.ainvoke, QUESTION, automix_context=CONTEXT) for chat in chats], True),
        "LlamaIndex, predict": ([partial(llm.predict, prompt, context_str=CONTEXT) for llm in llms], False),
        "LlamaIndex, apredict": ([partial(llm.apredict, prompt, context_str=CONTEXT) for llm in llms], True),
    }


async def times(each: list[Callable[[], Any]], awaited: bool, rounds: int) -> list[float]:
    """Milliseconds of processor for each call."""
    spent: list[list[float]] = [[] for _ in each]
    for turn in range(rounds + WARM):
        for kind, call in enumerate(each):
            start = process_time()
            answer = call()
            if awaited:
                await _as(answer)
            if turn >= WARM:
                spent[kind].append(1000 * (process_time() - start))
    return [quantiles(some, n=10)[0] for some in spent]


async def _as(answer: Awaitable[Any]) -> None:
    await answer


def alone() -> dict[str, float]:
    """Milliseconds of processor, the least of 45."""

    def taken(call: Callable[[], object]) -> float:
        return min(timeit.repeat(call, number=20, repeat=45, timer=process_time)) * 50

    draft = "Master number 12 of Quillon."
    return {
        "one pass of lower-casing and splitting": taken(lambda: CONTEXT.lower().split()),
        "all textual signals": taken(lambda: textual(QUESTION, CONTEXT, draft)),
        "all signals of the query": taken(lambda: asked(QUESTION, CONTEXT)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    print(f"{'':<24}with, ms  without, ms  added, ms  ratio")
    for name, (each, awaited) in calls().items():
        found = asyncio.run(times(each, awaited, rounds))
        print(f"{name:<24}{found[0]:8.3f}  {found[1]:11.3f}  {found[0] - found[1]:+9.3f}  {found[0] / found[1]:5.2f}")
    for name, taken in alone().items():
        print(f"{name}: {taken:.3f} ms for {len(CONTEXT):,} characters")


if __name__ == "__main__":
    main()

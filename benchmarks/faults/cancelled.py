"""Hundreds of awaited calls cancelled at random moments: is anything left running, open or swallowed?

    python -m benchmarks.faults.cancelled [--rounds N] [--json]

Six ways of asking: three of LangChain's, three of LlamaIndex's. A cancellation may meet the draft, its checks or the
answer; each is followed by a call that must be right. Children answer in this process, after at most 20 ms a request.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from random import Random
from typing import Any

from .ledger import Ledger
from .soak import asked, cascade, question
from .watch import Runs, Spans, open_spans
from .ways import Framework

PAUSE = 0.02
CONTEXT = "Oda Verrin built it."
Ask = Callable[[Any, int, dict[str, Any]], Awaitable[Any]]


async def _ainvoke(model: Any, number: int, config: dict[str, Any]) -> Any:
    return await model.ainvoke(question(number), config, automix_context=CONTEXT)


async def _astream(model: Any, number: int, config: dict[str, Any]) -> Any:
    async with aclosing(model.astream(question(number), config, automix_context=CONTEXT)) as pieces:
        return [piece async for piece in pieces]


async def _abatch(model: Any, number: int, config: dict[str, Any]) -> Any:
    return await model.abatch([question(number), question(number + 1)], config, automix_context=CONTEXT)


def _turns(number: int) -> list[Any]:
    from llama_index.core.base.llms.types import ChatMessage

    return [ChatMessage(content=question(number))]


async def _achat(model: Any, number: int, _: Any) -> Any:
    return await model.achat(_turns(number), automix_context=CONTEXT)


async def _astream_chat(model: Any, number: int, _: Any) -> Any:
    async with aclosing(await model.astream_chat(_turns(number), automix_context=CONTEXT)) as pieces:
        return [piece async for piece in pieces]


async def _apredict(model: Any, number: int, _: Any) -> Any:
    from llama_index.core.prompts import PromptTemplate

    prompt = PromptTemplate("Context: {context_str}\nQuestion: {query_str}")
    return await model.apredict(prompt, context_str=CONTEXT, query_str=question(number))


WAYS: dict[str, tuple[Framework, Ask]] = {
    "ainvoke": ("langchain", _ainvoke),
    "astream": ("langchain", _astream),
    "abatch": ("langchain", _abatch),
    "achat": ("llamaindex", _achat),
    "astream_chat": ("llamaindex", _astream_chat),
    "apredict": ("llamaindex", _apredict),
}


async def measure(name: str, rounds: int) -> dict[str, Any]:
    """The counts of one way."""
    framework, ask = WAYS[name]
    ledger, chance, counts = Ledger(pause=PAUSE), Random(name), Counter[str]()
    model, runs, before = cascade(framework, ledger), Runs(), asyncio.all_tasks()
    config = {"callbacks": [runs]}
    await ask(model, 1, config)
    with open_spans() as spans:
        for number in range(rounds):
            task = asyncio.ensure_future(ask(model, number, config))
            await asyncio.sleep(chance.random() * 4 * PAUSE)
            task.cancel()
            try:
                await task
                counts["ended before"] += 1
            except asyncio.CancelledError:
                counts["cancelled"] += 1
            except BaseException:
                counts["other errors"] += 1
            await asyncio.sleep(0.005)
            counts.update(_left(ledger, before, runs, spans))
            begun = ledger.counts["begun"]
            await asyncio.sleep(PAUSE)
            counts["requests begun later"] += ledger.counts["begun"] - begun
            text, _ = await asked(framework, model, number)
            counts["next call wrong"] += text != f"{'large' if number % 2 else 'small'} ({number})"
    return {"way": name, "rounds": rounds, **counts}


def _left(ledger: Ledger, before: set[Any], runs: Runs, spans: Spans) -> dict[str, int]:
    """What is open five milliseconds after a cancellation."""
    found = {
        "tasks left": len(asyncio.all_tasks() - before),
        "requests left": ledger.open,
        "runs left": runs.left,
        "spans left": spans.left,
    }
    runs.open.clear()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100, help="cancellations in each of the six ways")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    rows = [asyncio.run(measure(name, given.rounds)) for name in WAYS]
    print(json.dumps(rows) if given.json else "\n".join(", ".join(f"{k}: {v}" for k, v in r.items()) for r in rows))


if __name__ == "__main__":
    main()

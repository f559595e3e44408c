"""Thousands of awaited calls of which a tenth of all child requests fail: is anything mixed up, lost or left over?

    python -m benchmarks.faults.soak [--calls N] [--framework langchain|llamaindex] [--json]

Children answer in this process. Every question has a number that its answer bears. Counted: answers of another
question, errors where the last model did not fail, calls without a route of their own, tokens that no route tells,
requests, tasks, threads, runs and spans left open, and how many objects and bytes the process grew by (two objects for
each new number, until the evidence's cache of 4,096 numbers is full).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import threading
import warnings
from pathlib import Path
from typing import Any

from automix_core import Route
from automix_core.routing.attached import route_of

from .ledger import IN, OUT, LangChainChild, Ledger, LlamaIndexChild, RefusedError
from .watch import Runs, open_spans
from .ways import FRAMEWORKS, Framework

SHARE = 0.1
AT_ONCE = 32
CHECKS = 2
WARM = 320


def cascade(framework: Framework, ledger: Ledger, **settings: Any) -> Any:
    """A cascade over the ledger's children."""
    if framework == "langchain":
        import langchain_automix as lc

        models = [LangChainChild(name=name, ledger=ledger) for name in ("small", "large")]
        return lc.AutoMixChatModel(models=models, verifier=lc.SelfVerifier(k=CHECKS), **settings)
    import llamaindex_automix as li

    children = [LlamaIndexChild(name=name, ledger=ledger) for name in ("small", "large")]
    return li.AutoMixLLM(models=children, verifier=li.SelfVerifier(k=CHECKS), **settings)


def question(number: int) -> str:
    """A question that its answer can be told by."""
    return f"Who built the lighthouse? ({number})"


async def asked(framework: Framework, model: Any, number: int, config: Any = None) -> tuple[str, Route]:
    """One call: its text and its route. Raises what the call raises."""
    if framework == "langchain":
        message = await model.ainvoke(question(number), config, automix_context="Oda Verrin built it.")
        return message.text, route_of(message)
    from llama_index.core.base.llms.types import ChatMessage

    response = await model.achat([ChatMessage(content=question(number))], automix_context="Oda Verrin built it.")
    return response.message.content, route_of(response)


def collected(framework: Framework) -> Any:
    """The framework's `collect_routes()`."""
    if framework == "langchain":
        from langchain_automix import collect_routes
    else:
        from llamaindex_automix import collect_routes
    return collect_routes()


class Tally:
    """What was seen of the calls."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(("answered", "raised", "mixed up", "other errors", "without a route"), 0)
        self.ids: set[str] = set()
        self.tokens = 0

    def routed(self, route: Route | None) -> None:
        """One call's route: a new one, with tokens that are added up."""
        if route is None or route.id in self.ids:
            self.counts["without a route"] += 1
            return
        self.ids.add(route.id)
        self.tokens += (route.usage["total"] or {"total_tokens": 0})["total_tokens"]


async def calls(framework: Framework, model: Any, first: int, many: int, tally: Tally, runs: Runs) -> None:
    """`many` calls, a few at a time."""
    left = iter(range(first, first + many))

    async def work() -> None:
        for number in left:
            try:
                with collected(framework) as routes:
                    text, route = await asked(framework, model, number, {"callbacks": [runs]})
            except RefusedError as error:
                tally.counts["raised"] += 1
                tally.routed(route_of(error, None))
                continue
            except Exception:
                tally.counts["other errors"] += 1
                continue
            tally.counts["answered"] += 1
            if not text.endswith(f"({number})"):
                tally.counts["mixed up"] += 1
            tally.routed(route if [each.id for each in routes] == [route.id] else None)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


def measure(framework: Framework, many: int) -> dict[str, Any]:
    """The figures of one framework."""
    ledger, tally = Ledger(SHARE), Tally()
    model = cascade(framework, ledger)

    async def whole() -> dict[str, Any]:
        runs = Runs()
        await calls(framework, model, 0, WARM, Tally(), runs)
        gc.collect()
        threads, objects, size, paid = threading.active_count(), len(gc.get_objects()), resident(), dict(ledger.counts)
        with open_spans() as spans:
            await calls(framework, model, WARM, many, tally, runs)
        answered = ledger.counts["answered"] - paid["answered"]
        tokens = tally.tokens
        tally.ids.clear()
        gc.collect()
        return {
            "framework": framework,
            "calls": many,
            "child requests": ledger.counts["begun"] - paid["begun"],
            **tally.counts,
            "tokens lost": answered * (IN + OUT) - tokens,
            "requests left": ledger.open,
            "tasks left": len(asyncio.all_tasks()) - 1,
            "threads left": threading.active_count() - threads,
            "runs left": runs.left,
            "spans left": spans.left,
            "objects more": len(gc.get_objects()) - objects,
            "MB more": round((resident() - size) / 1e6, 1),
        }

    return asyncio.run(whole())


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--framework", choices=FRAMEWORKS, nargs="+", default=list(FRAMEWORKS))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    rows = [measure(framework, given.calls) for framework in given.framework]
    print(json.dumps(rows) if given.json else "\n".join(", ".join(f"{k}: {v}" for k, v in r.items()) for r in rows))


if __name__ == "__main__":
    main()

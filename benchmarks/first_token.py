"""Seconds to the first token of a stream, as ratios in one run, over a server of set latencies.

    python -m benchmarks.first_token [--rounds 20] [--draft 0.1] [--checks 0.3] [--large 0.4] [--json]

The draft takes 100 ms, the checks (one request for eight verdicts) 300 ms, and the large model's first token 400 ms.
The rows take turns, and every row is set against two of its own framework: the large model alone, and the draft by
hand and then the large model by hand, which is the soonest that an escalation without checks could speak. Lower
deciles, as a busy machine only ever adds to them, and medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from statistics import median
from time import perf_counter
from typing import Any

from automix_core import Price
from benchmarks.subjects import DRAFT, LARGE, VERDICT, child
from tests.loopback import OpenAIServer, Reply

QUESTION, CONTEXT = "Who built the lighthouse?", "The lighthouse of Quillon was built by Oda Verrin."
PRICES = [Price(1, 1), Price(10, 10)]
Ask = Callable[[], Awaitable[AsyncIterator[Any]]]


class LangChain:
    """LangChain's models over the server."""

    def __init__(self, server: OpenAIServer) -> None:
        from langchain_automix import AutoMixChatModel

        self.small, self.large = child(server, "small"), child(server, "large")
        self.cascades = {
            hedge: AutoMixChatModel(models=[self.small, self.large], prices=PRICES, hedge=hedge)
            for hedge in (False, True)
        }

    async def draft(self) -> None:
        """The small model's whole answer."""
        await self.small.ainvoke(QUESTION)

    async def alone(self) -> AsyncIterator[Any]:
        """The large model's stream."""
        return self.large.astream(QUESTION)

    async def routed(self, hedge: bool) -> AsyncIterator[Any]:
        """The cascade's stream."""
        return self.cascades[hedge].astream(QUESTION, automix_context=CONTEXT)

    @staticmethod
    def text(piece: Any) -> str:
        """What a piece shows."""
        return str(piece.text)


class LlamaIndex:
    """LlamaIndex's models over the server."""

    def __init__(self, server: OpenAIServer) -> None:
        from llama_index.llms.openai_like import OpenAILike

        from llamaindex_automix import AutoMixLLM

        settings: dict[str, Any] = {"api_base": server.url, "api_key": "none", "is_chat_model": True, "max_retries": 0}
        self.small, self.large = (OpenAILike(model=name, **settings) for name in ("small", "large"))
        self.cascades = {
            hedge: AutoMixLLM(models=[self.small, self.large], prices=PRICES, hedge=hedge) for hedge in (False, True)
        }

    def _messages(self) -> list[Any]:
        from llama_index.core.base.llms.types import ChatMessage

        return [ChatMessage(content=QUESTION)]

    async def draft(self) -> None:
        """The small model's whole answer."""
        await self.small.achat(self._messages())

    async def alone(self) -> AsyncIterator[Any]:
        """The large model's stream."""
        pieces: AsyncIterator[Any] = await self.large.astream_chat(self._messages())
        return pieces

    async def routed(self, hedge: bool) -> AsyncIterator[Any]:
        """The cascade's stream."""
        pieces: AsyncIterator[Any] = await self.cascades[hedge].astream_chat(self._messages(), automix_context=CONTEXT)
        return pieces

    @staticmethod
    def text(piece: Any) -> str:
        """What a piece shows."""
        return str(piece.delta or "")


async def first(ask: Ask, text: Callable[[Any], str]) -> float:
    """Seconds until the first text; the rest is read too, as no row should find the server busy with another."""
    began, at = perf_counter(), 0.0
    async for piece in await ask():
        if text(piece) and not at:
            at = perf_counter() - began
    return at


async def measure(framework: Any, rounds: int, delays: tuple[float, float, float]) -> dict[str, list[float]]:
    """Seconds to the first token of each row: the lower decile and the median."""
    drafting, checking, answering = delays
    with OpenAIServer() as server:
        server.say("small", Reply(DRAFT, delay=drafting))
        server.say("large", Reply(LARGE, delay=answering))
        host = framework(server)

        async def by_hand() -> AsyncIterator[Any]:
            await host.draft()
            found: AsyncIterator[Any] = await host.alone()
            return found

        def routed(hedge: bool) -> Ask:
            return lambda: host.routed(hedge)

        rows: dict[str, tuple[str, Ask]] = {
            "large alone": ("accept", host.alone),
            "draft, then large, by hand": ("escalate", by_hand),
            "kept": ("accept", routed(False)),
            "kept, hedged": ("accept", routed(True)),
            "escalated": ("escalate", routed(False)),
            "escalated, hedged": ("escalate", routed(True)),
        }
        seconds: dict[str, list[float]] = {name: [] for name in rows}
        for number in range(rounds + 1):
            for name, (way, ask) in rows.items():
                server.verdicts(Reply(VERDICT[way], delay=checking))
                took = await first(ask, host.text)
                if number:  # the first round imports and connects
                    seconds[name].append(took)
    return {name: [sorted(taken)[len(taken) // 10], median(taken)] for name, taken in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--draft", type=float, default=0.1)
    parser.add_argument("--checks", type=float, default=0.3)
    parser.add_argument("--large", type=float, default=0.4)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    delays = (asked.draft, asked.checks, asked.large)
    found = {host.__name__: asyncio.run(measure(host, asked.rounds, delays)) for host in (LangChain, LlamaIndex)}
    if asked.json:
        print(json.dumps(found))
        return
    for name, rows in found.items():
        print(f"{name}: ms to the first token, over large alone, over draft and then large; lower decile, then median")
        for row, figures in rows.items():
            for at, seconds in enumerate(figures):
                alone, floor = rows["large alone"][at], rows["draft, then large, by hand"][at]
                told = f"{1000 * seconds:5.0f}   {seconds / alone:5.2f}   {seconds / floor:5.2f}"
                print(f"  {row:28} {told}" if not at else f"  {'':28} {told}")


if __name__ == "__main__":
    main()

"""How many of 100 concurrent callers of one model read their own decision, five milliseconds after their answer.

    python -m benchmarks.concurrent_callers [--peer-python PATH] [--json]

Every caller asks something else; even ones are kept, odd ones escalate. AutoMix's decision is on the message, the
peer's is read as its documentation says, with `get_last_cascade_result()`.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from typing import Any

from benchmarks.subjects import VERDICT, arguments, build, child, results
from tests.loopback import OpenAIServer
from tests.loopback.request import Request

CALLERS = 100
PAUSE = 0.005


def number(text: str) -> int:
    return int(text.split("caller-")[1][:3])


async def callers(subject: str, server: OpenAIServer) -> int:
    """How many read their own decision."""
    model: Any = build(subject, server, "accept")
    if subject == "cascadeflow":  # its judge sees the answer only, which names the caller

        def judge(result: Any) -> float:
            return 0.0 if number(result.generations[0].message.content) % 2 else 1.0

        model = type(model)(
            drafter=child(server, "small"),
            verifier=child(server, "large"),
            enable_pre_router=False,
            quality_validator=judge,
        )

    async def call(mine: int) -> bool:
        message = await model.ainvoke(f"I am caller-{mine:03d}. Who built the lighthouse?")
        await asyncio.sleep(PAUSE)
        if subject == "automix":
            from langchain_automix import route_of

            route = route_of(message)
            return route is not None and (route.model == mine % 2) and number(message.text) == mine
        last = model.get_last_cascade_result()
        return last is not None and number(last["content"]) == mine

    return sum(await asyncio.gather(*(call(mine) for mine in range(CALLERS))))


def measure(subject: str) -> dict[str, int]:
    def caller(request: Request) -> int:
        return number(request.question)

    with OpenAIServer() as server:
        server.say(None, lambda request: f"{request.model} answers caller-{caller(request):03d}")
        server.verdicts(lambda request: VERDICT["escalate" if caller(request) % 2 else "accept"])
        return {"callers": CALLERS, "read their own": asyncio.run(callers(subject, server))}


def main() -> None:
    warnings.simplefilter("ignore")
    asked = arguments(__doc__)
    found = results("benchmarks.concurrent_callers", measure, asked)
    if asked.json:
        print(json.dumps(found))
        return
    for subject, figures in found.items():
        print(f"{subject}: {figures['read their own']} of {figures['callers']} callers read their own decision")


if __name__ == "__main__":
    main()

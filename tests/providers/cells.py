"""What every cell of the matrix says and expects, whatever the framework."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import pytest

from automix_core import Route
from tests.loopback import Reply, Request
from tests.providers.wire import ProviderServer
from tests.providers.wire.format import Asked

Path = Literal["accept", "escalate"]
PATHS: tuple[Path, ...] = ("accept", "escalate")

CONTEXT = "Quillon is a harbour town. Its lighthouse has 211 steps and was built by Oda Verrin."
QUESTION = "Who built the lighthouse of Quillon?"
DRAFT = "Oda Verrin built it."
LARGE = "It was built by Oda Verrin, of Quillon."
SURE = Reply("Correct", logprobs={"Correct": math.log(0.8), "Incorrect": math.log(0.2)})
YES, NO = "It says so.\nVerdict: Correct", "It does not.\nVerdict: Incorrect"
CASE = {"context": CONTEXT, "question": QUESTION, "answer": DRAFT}


def script(server: ProviderServer, path: Path, small: str) -> None:
    """Let the models speak their lines and every check say what leads down `path`."""
    server.say(small, DRAFT)
    server.say("large-1", LARGE)
    server.verdicts(YES if path == "accept" else NO)


def made(author: str) -> Callable[[Request], Reply]:
    """A script that answers as a schema named `Builder` demands, in the way the request asks for."""

    def answer(request: Request) -> Reply:
        name = {"name": f"name by {author}"}
        return Reply(calls=((request.tools[0]["name"], name),)) if request.tools else Reply(json.dumps(name))

    return answer


def expected(path: Path) -> str:
    """The answer on `path`."""
    return DRAFT if path == "accept" else LARGE


def tokens(usage: Any) -> tuple[int | None, int | None]:
    """Input and output tokens of a route's usage."""
    if usage is None:
        return None, None
    read = usage if isinstance(usage, Mapping) else usage.__dict__
    return read["input_tokens"], read["output_tokens"]


def settled(server: ProviderServer, routes: list[Route], path: Path, small: str, learns: bool = False) -> None:
    """Each route took `path` without a fault, and what is reported is what was billed.

    Nothing was refused, except to a client that `learns` so what its model takes.
    """
    if not learns:
        assert not server.refused, refusals(server)
    reports = [route.to_dict() for route in routes]
    for report in reports:
        assert report["action"] == path, report
        assert report["errors"] == []
    billed = {model: server.tokens(model) for model in (small, "large-1")}
    for place, model in enumerate((small, "large-1")):
        told = [tokens(report["usage"]["by_model"][place]) for report in reports]
        total = (sum(inputs or 0 for inputs, _ in told), sum(outputs or 0 for _, outputs in told))
        assert None not in {each for pair in told for each in pair}, told
        assert total == billed[model], (model, total, billed[model])


def marked(request: Request) -> list[int]:
    """Which messages of a request, counted from its last, end with a mark for a prompt cache on the wire."""
    messages = request.sent["messages"] if isinstance(request, Asked) else []
    ends = [message["content"][-1] if isinstance(message["content"], list) else {} for message in messages]
    return [place - len(ends) for place, end in enumerate(ends) if {"cache_control", "cachePoint"} & set(end)]


def said(request: Asked) -> list[tuple[str, str]]:
    """Who says what in a request, in however many parts it stands on the wire."""
    found = []
    for message in request.body["messages"]:
        parts = message["content"]
        found.append((message["role"], parts if isinstance(parts, str) else " ".join(part["text"] for part in parts)))
    return found


def refusals(server: ProviderServer) -> list[str]:
    """What was refused, in words."""
    return [f"{request.provider}: {refusal.message}" for request, refusal in server.refused]


async def eventually(condition: Callable[[], object], patience: float = 5.0) -> None:
    """Wait until `condition` holds; fail the test if it does not come true."""
    for _ in range(int(patience / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("what was waited for did not happen")


def shared_is_marked(server: ProviderServer, model: str, ask: Callable[[int], list[int | None]], k: int) -> None:
    """Whoever `ask`s for verdicts marks what checks share for the provider's cache.

    After the examples, which all checks share, and after the case, which those of one draft share: if it is read again.
    What is said is the same without the marks.
    """
    server.verdicts(YES)
    assert ask(k) == [1] * k
    checks = server.asked(model)
    assert [marked(check) for check in checks] == [[-2, -1]] * k
    server.clear()
    assert ask(1) == [1]
    (alone,) = server.asked(model)
    assert marked(alone) == [-2]
    assert said(alone) == said(checks[0])


def refused_marks_are_left_out(
    server: ProviderServer, model: str, ask: Callable[[int], list[int | None]], k: int
) -> None:
    """A model that takes no marks is checked without, and that is remembered."""
    server.verdicts(YES)
    words = "You invoked an unsupported model or your request did not allow prompt caching."
    server.fail(model, Reply(error=words, status=400), when=lambda request: bool(marked(request)))
    assert ask(k) == [1] * k
    server.clear()
    assert ask(k) == [1] * k
    assert [marked(check) for check in server.asked(model)] == [[]] * k, "it is remembered"


def a_word_is_read_from_its_tokens(
    server: ProviderServer, model: str, gives: Callable[[], bool], check: Callable[[], Any], k: int, *, told: bool
) -> None:
    """One request is enough where the client hands log-probabilities on; else the checks are sampled.

    `gives`: whether the model may be asked for them, as far as is known; `told`: that is known of its provider too.
    """
    server.verdicts(lambda request: SURE if request.asks_for_word else Reply(YES))
    before, found = gives(), check()
    if before and gives():
        assert found["confidence"] == pytest.approx(0.8)
        assert len(server.asked(model)) == 1
    else:
        assert not before or not told, "what no provider of a client gives is not in its row"
        assert found["verdicts"] == [1] * k
        assert not any(request.body.get("logprobs") for request in server.asked(model))


def a_drafts_tokens_are_signals(
    server: ProviderServer, model: str, ask: Callable[[], Route], gives: Callable[[], bool]
) -> None:
    """Where the client hands log-probabilities on, as far as is known by then."""
    script(server, "accept", model)
    server.say(model, Reply(DRAFT, logprobs={"Oda": -0.5, "Ada": -2.0}))
    route = ask()
    assert route.action == "accept"
    assert ("logprob_min" in route.signals) == gives()

"""Drafts asked for with log-probabilities: by who can give them, and without once they were refused."""

from __future__ import annotations

from typing import Any

import pytest

from automix_core.checking.refusal import Memory
from automix_core.evidence import Token
from automix_core.evidence.asking import Drafter


class RefusedError(Exception):
    status_code = 400


def refusing(model: str) -> str:
    if model == "telling":
        raise RefusedError("logprobs is not supported by this model")
    return model


def broken(model: str) -> str:
    raise TimeoutError(model)


def awaited(call: Any) -> Any:
    async def acall(model: str) -> str:
        answer: str = call(model)
        return answer

    return acall


def drafter(telling: str | None = "telling", wanted: bool = True) -> Drafter[str]:
    return Drafter.of("plain", telling, Memory(), "small", wanted)


async def test_who_can_tell_log_probabilities_is_asked_for_them_if_they_are_wanted() -> None:
    for made, model in ((drafter(), "telling"), (drafter(wanted=False), "plain"), (drafter(None, False), "plain")):
        assert made.ask(str) == await made.aask(awaited(str)) == model


def test_a_client_that_has_none_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    made = drafter(None)
    assert made.ask(str) == "plain"
    assert made.told([]) == []
    assert caplog.text.count("small gives no log-probabilities") == 1


async def test_a_provider_that_refuses_them_is_asked_without_at_once_and_from_then_on() -> None:
    for made, awaits in ((drafter(), False), (drafter(), True)):
        assert (await made.aask(awaited(refusing)) if awaits else made.ask(refusing)) == "plain"
        assert made.memory.refused == {"logprobs"}
        assert made.ask(str) == "plain", "nobody asks for them again"


async def test_any_other_error_is_the_callers() -> None:
    made = drafter()
    with pytest.raises(TimeoutError, match="telling"):
        made.ask(broken)
    with pytest.raises(TimeoutError, match="telling"):
        await made.aask(awaited(broken))
    assert not made.memory.refused


def test_a_draft_that_came_without_tokens_is_the_last_that_is_asked_for_them(caplog: pytest.LogCaptureFixture) -> None:
    made = drafter()
    tokens = [Token("Paris", -0.1)]
    assert made.told(tokens) == tokens
    assert made.ask(str) == "telling"
    assert made.told([]) == []
    assert made.ask(str) == "plain"
    assert caplog.text.count("small gives no log-probabilities") == 1

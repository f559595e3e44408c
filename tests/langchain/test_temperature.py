"""The temperature and the other settings of checks: whose they are, and what becomes of a refused one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from langchain.chat_models import init_chat_model

from langchain_automix import AutoMixChatModel, SelfVerifier
from tests.langchain.cascades import SECRET, child
from tests.langchain.fakes import YES, Fake
from tests.langchain.verdicts import both, route, verdicts
from tests.loopback import OpenAIServer, Quirks, Reply

REFUSED = Reply(status=400, error="Unsupported value: 'temperature' does not support 1.0 with this model.")


@both
@pytest.mark.parametrize("kind", ["one request", "separate requests"])
async def test_a_refused_temperature_is_left_out_once(
    server: OpenAIServer, kind: str, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.quirks["m"] = Quirks(refuse_temperature=True)
    server.verdicts(YES)
    model = child(server, "m")
    with caplog.at_level(logging.WARNING, "automix"):
        apart = model.with_retry(stop_after_attempt=1)
        found = await verdicts(SelfVerifier(model=model if kind == "one request" else apart, k=3), way)
    assert found == [1, 1, 1]
    each = 1 if kind == "one request" else 3
    sent = ["temperature" in request.body for request in server.requests]
    assert sent == [True] * each + [False] * each
    (warning,) = [record.getMessage() for record in caplog.records if record.name == "automix"]
    assert "verdicts may be identical" in warning
    assert "SelfVerifier(temperature=None)" in warning


@both
async def test_both_may_be_refused_in_turn(server: OpenAIServer, way: str) -> None:
    server.quirks["m"] = Quirks(refuse_temperature=True)
    server.verdicts(YES)
    server.fail("m", Reply(status=400, error="n must be 1"), when=lambda r: r.n > 1 and "temperature" not in r.body)
    assert await verdicts(SelfVerifier(model=child(server, "m"), k=3), way) == [1] * 3
    assert [(request.n, "temperature" in request.body) for request in server.requests] == [
        (3, True),
        (3, False),
        *[(1, False)] * 3,
    ]


class RefusalError(Exception):
    """An error that bears its status as one or another client does."""

    def __init__(self, **places: Any) -> None:
        super().__init__("temperature is not supported")
        self.__dict__.update(places)


class Response:
    def __init__(self, status: int) -> None:
        self.status_code = status


@both
@pytest.mark.parametrize(
    ("error", "again"),
    [
        (RefusalError(status_code=400), True),
        (RefusalError(status_code=422), True),
        (RefusalError(code=400), True),
        (RefusalError(http_status=400), True),
        (RefusalError(response=Response(400)), True),
        (TypeError("got an unexpected keyword argument 'temperature'"), True),
        (ValueError("temperature must be left out"), True),
        (RefusalError(status_code=500), False),
        (RefusalError(status_code=429), False),
        (RefusalError(), False),
        (ValueError("something else"), False),
    ],
)
async def test_whose_refusal_is_understood(error: Exception, again: bool, way: str) -> None:
    model = Fake(judges=YES)

    def judges(_: Any) -> Any:
        return error if "temperature" in model.seen[-1][1] else YES

    model.judges = judges
    verifier = SelfVerifier(model=model, k=1)
    if again:
        assert await verdicts(verifier, way) == [1]
        assert [("temperature" in settings, settings["max_tokens"]) for _, settings in model.seen] == [
            (True, 256),
            (False, 256),
        ]
    else:
        with pytest.raises(type(error)):
            await verdicts(verifier, way)
        assert len(model.seen) == 1


@both
@pytest.mark.parametrize(
    "kind",
    [
        lambda server: child(server, "m", temperature=0.2),
        lambda server: child(server, "m", temperature=0.2).with_retry(),
        lambda server: child(server, "m").bind(temperature=0.2),
        lambda server: init_chat_model(
            "m",
            model_provider="openai",
            configurable_fields="any",
            base_url=server.url,
            api_key=SECRET,
            temperature=0.2,
        ),
    ],
    ids=["own", "retried", "bound", "built when called"],
)
async def test_none_is_sent_if_none_is_wanted(server: OpenAIServer, kind: Callable[[Any], Any], way: str) -> None:
    server.verdicts(YES)
    model = kind(server)
    verifier = SelfVerifier(model=model, k=2, temperature=None, max_tokens=None)
    await verdicts(verifier, way)
    await route(AutoMixChatModel(models=[model, model], verifier=SelfVerifier(**dict(verifier) | {"model": None})), way)
    assert len(server.calls(verdict=True)) >= 2
    for request in server.calls(verdict=True):
        assert not {"temperature", "max_tokens", "max_completion_tokens"} & set(request.body)
    (draft,) = server.calls(verdict=False)
    assert draft.body["temperature"] == 0.2, "the child's own is for drafts"


@both
async def test_the_verifiers_settings_stand_above_the_childs(server: OpenAIServer, way: str) -> None:
    server.verdicts(YES)
    for model in (
        child(server, "m", temperature=0.1, max_tokens=900),
        child(server, "m").bind(temperature=0.1, max_tokens=900),
        child(server, "m", temperature=0.1).with_retry(),
    ):
        server.clear()
        await verdicts(SelfVerifier(model=model, k=2, temperature=0.7, max_tokens=99), way)
        for request in server.requests:
            assert request.body["temperature"] == 0.7
            assert 99 in (request.body.get("max_tokens"), request.body.get("max_completion_tokens"))

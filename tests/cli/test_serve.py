"""`automix serve`, asked by real clients over HTTP; its models are servers on this machine."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import uvicorn
from langchain_core.messages import AIMessage, HumanMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr

from automix_cli.demo.session import failure
from automix_cli.serve.application import application
from automix_cli.serve.cascades import built
from automix_cli.serve.failures import refusal_of
from automix_cli.serve.keys import Keys
from automix_cli.serve.traffic import Traffic
from automix_cli.serve.wire import finish_reason
from automix_core import Threshold, save_policy
from automix_core.cascade_file.reading import read_cascade_file
from tests.loopback import OpenAIServer, Reply

CONTEXT = "The lighthouse of Quillon has 211 steps. It was built by Oda Verrin."
QUESTION = [{"role": "user", "content": f"{CONTEXT}\n\nWho built the lighthouse?"}]


def cascade_file(folder: Path, provider: OpenAIServer, *, more: str = "", name: str = "cascade") -> Path:
    path = folder / f"{name}.toml"
    text = f'{more}\n[verify]\nk = 2\n[[model]]\nname = "small"\nurl = "{provider.url}#small"\nprice = "1/2"\n'
    path.write_text(f'{text}[[model]]\nname = "large"\nurl = "{provider.url}#large"\nprice = "10/20"\n', "utf-8")
    return path


@contextmanager
def served(*files: Path, keys: tuple[str, ...] = (), **limits: Any) -> Iterator[tuple[str, Traffic]]:
    """The address of a server of `files`."""
    traffic = Traffic(Keys(list(keys)), **({"most_bytes": 100_000, "per_minute": None, "at_once": 8} | limits))
    cascades = built([(file, read_cascade_file(file)) for file in files])
    server = uvicorn.Server(uvicorn.Config(application(cascades, traffic), port=0, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", traffic
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def url(tmp_path: Path, provider: OpenAIServer) -> Iterator[str]:
    provider.verdicts("Verdict: correct")
    with served(cascade_file(tmp_path, provider)) as (address, _):
        yield address


def client(url: str, key: str = "none-needed") -> Any:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


def ask(url: str, **more: Any) -> Any:
    body: dict[str, Any] = {"model": "cascade", "messages": QUESTION, **more}
    return httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60)


def test_the_openai_client_gets_the_kept_draft_with_its_route(url: str, provider: OpenAIServer) -> None:
    found = client(url).chat.completions.create(model="cascade", messages=QUESTION)
    assert found.choices[0].message.content == "Oda Verrin."
    assert found.choices[0].finish_reason == "stop"
    route = (found.model_extra or {})["automix"]
    assert (route["action"], route["model"], route["verdicts"]["correct"]) == ("accept", 0, 2)
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == provider.tokens()
    assert [model.id for model in client(url).models.list()] == ["cascade"]


def test_the_route_is_in_the_headers_too(url: str) -> None:
    reply = ask(url)
    route = reply.json()["automix"]
    assert reply.headers["x-automix-action"] == "accept"
    assert reply.headers["x-automix-route-id"] == route["id"]


def test_a_rejected_draft_is_not_seen_and_the_large_model_streams(tmp_path: Path, provider: OpenAIServer) -> None:
    provider.verdicts("Verdict: incorrect")
    with served(cascade_file(tmp_path, provider)) as (address, _):
        pieces = list(
            client(address).chat.completions.create(
                model="cascade",
                messages=QUESTION,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    assert "".join(p.choices[0].delta.content or "" for p in pieces if p.choices) == "It was Oda Verrin."
    told = [p.model_extra["automix"] for p in pieces if (p.model_extra or {}).get("automix")]
    assert [route["action"] for route in told] == ["escalate"]
    assert pieces[-1].usage is not None
    assert (pieces[-1].usage.prompt_tokens, pieces[-1].usage.completion_tokens) == provider.tokens()


def test_a_context_field_is_what_is_checked_against(url: str, provider: OpenAIServer) -> None:
    asked = [{"role": "user", "content": "Who built the lighthouse?"}]
    route = ask(url, messages=asked, automix_context=[CONTEXT, "Other words."]).json()["automix"]
    assert route["context_source"] == "argument"
    assert any("Other words." in json.dumps(request.body) for request in provider.requests)


TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Looks up a word.",
        "parameters": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
    },
}


@pytest.mark.parametrize("stream", [False, True])
def test_tools(url: str, stream: bool) -> None:
    asked: dict[str, Any] = {"tools": [TOOL], "tool_choice": "required"}
    if not stream:
        found = client(url).chat.completions.create(model="cascade", messages=QUESTION, **asked)
        (call,) = found.choices[0].message.tool_calls
        assert found.choices[0].finish_reason == "tool_calls"
        name, arguments = call.function.name, call.function.arguments
    else:
        pieces = client(url).chat.completions.create(model="cascade", messages=QUESTION, stream=True, **asked)
        deltas = [call for p in pieces for call in (p.choices[0].delta.tool_calls or [])]
        name = "".join(d.function.name or "" for d in deltas)
        arguments = "".join(d.function.arguments or "" for d in deltas)
    assert name == "look_up"
    assert set(json.loads(arguments)) == {"word"}


class Builder(BaseModel):
    """Who built it."""

    name: str


def test_structured_output_and_langchains_own_client(url: str) -> None:
    model = ChatOpenAI(model="cascade", base_url=f"{url}/v1", api_key=SecretStr("none"), max_retries=0)
    assert model.invoke([HumanMessage(QUESTION[0]["content"])]).text == "Oda Verrin."
    assert isinstance(model.with_structured_output(Builder).invoke(QUESTION[0]["content"]), Builder)
    assert "".join(chunk.text for chunk in model.stream(QUESTION[0]["content"])) == "Oda Verrin."


def test_llamaindexs_own_client(url: str) -> None:
    from llama_index.llms.openai_like import OpenAILike

    llm = OpenAILike(model="cascade", api_base=f"{url}/v1", api_key="none", is_chat_model=True, max_retries=0)
    assert llm.complete(QUESTION[0]["content"]).text == "Oda Verrin."


def test_several_cascades_by_name(tmp_path: Path, provider: OpenAIServer) -> None:
    provider.verdicts("Verdict: correct")
    strict = cascade_file(tmp_path, provider, name="strict", more='name = "support"\npolicy = 1.0')
    with served(cascade_file(tmp_path, provider), strict) as (address, _):
        assert [model.id for model in client(address).models.list()] == ["cascade", "support"]
        assert ask(address, model="support").json()["automix"]["policy"] == "Threshold(1)"
        assert ask(address, model="nobody").json()["error"]["code"] == "model_not_found"


def test_a_new_policy_is_taken_up_without_a_restart(tmp_path: Path, provider: OpenAIServer) -> None:
    provider.verdicts("Verdict: correct")
    save_policy(Threshold(0.5), tmp_path / "policy.json")
    with served(cascade_file(tmp_path, provider, more='policy = "policy.json"')) as (address, _):
        first = ask(address).json()["automix"]
        save_policy(Threshold(0.9), tmp_path / "policy.json")
        for _ in range(100):
            later = ask(address).json()["automix"]
            if later["policy_version"] != first["policy_version"]:
                break
            time.sleep(0.1)
    assert (first["policy"], later["policy"]) == ("Threshold(0.5)", "Threshold(0.9)")


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b"{", 400, None),
        (b"[]", 400, None),
        (b'{"model": "cascade"}', 400, "messages"),
        (b'{"model": "cascade", "messages": []}', 400, "messages"),
        (b'{"model": "cascade", "messages": [{"role": "stranger", "content": "x"}]}', 400, "messages"),
        (b'{"model": "cascade", "messages": [{"content": "x"}]}', 400, "messages"),
        (b'{"model": "cascade", "messages": [{"role": "user", "content": "x"}], "n": 2}', 400, "n"),
        (
            b'{"model": "cascade", "messages": [{"role": "user", "content": "x"}], "automix_coin": 1}',
            400,
            "automix_coin",
        ),
        (b'{"model": "' + b"x" * 200_000 + b'"}', 413, None),
    ],
)
def test_a_malformed_request_is_refused_before_any_model_is_asked(
    url: str, provider: OpenAIServer, body: bytes, status: int, param: str | None
) -> None:
    reply = httpx.post(f"{url}/v1/chat/completions", content=body, timeout=60)
    error = reply.json()["error"]
    assert (reply.status_code, error["param"], error["type"]) == (status, param, "invalid_request_error")
    assert error["message"]
    assert provider.requests == []


def test_a_body_without_a_length_is_counted_while_it_is_read(url: str, provider: OpenAIServer) -> None:
    endless = (b"x" * 10_000 for _ in range(50))
    assert httpx.post(f"{url}/v1/chat/completions", content=endless, timeout=60).status_code == 413
    assert provider.requests == []


def test_keys_are_asked_for_everywhere_but_of_probes(tmp_path: Path, provider: OpenAIServer) -> None:
    provider.verdicts("Verdict: correct")
    with served(cascade_file(tmp_path, provider), keys=("a-good-key", "another-key")) as (address, _):
        for key in ("a-wrong-key", "a-good-ke", "a-good-key-and-more"):
            with pytest.raises(openai.AuthenticationError):
                client(address, key).models.list()
        assert ask(address).status_code == 401
        assert httpx.get(f"{address}/metrics").status_code == 401
        assert httpx.get(f"{address}/health").json() == {"status": "ok"}
        assert httpx.get(f"{address}/ready").status_code == 200
        assert provider.requests == []
        found = client(address, "another-key").chat.completions.create(model="cascade", messages=QUESTION)
        assert found.choices[0].message.content == "Oda Verrin."


def test_limits_say_when_to_come_again(tmp_path: Path, provider: OpenAIServer) -> None:
    provider.verdicts("Verdict: correct")
    with served(cascade_file(tmp_path, provider), per_minute=1) as (address, traffic):
        assert ask(address).status_code == 200
        late = ask(address)
        assert (late.status_code, late.json()["error"]["type"]) == (429, "rate_limit_error")
        assert 1 <= int(late.headers["retry-after"]) <= 61
        traffic.clock = lambda: time.monotonic() + 61
        assert ask(address).status_code == 200
        traffic.working = traffic.at_once
        assert ask(address).headers["retry-after"] == "1"


def test_what_a_provider_says_stays_here(tmp_path: Path, provider: OpenAIServer) -> None:
    provider.say("small", Reply(status=500))
    provider.say("large", Reply(status=500))
    with served(cascade_file(tmp_path, provider)) as (address, traffic):
        for stream in (False, True):
            reply = ask(address, stream=stream)
            assert (reply.status_code, reply.json()["error"]["code"]) == (502, "model_error")
            said = reply.json()["error"]["message"]
            assert said.startswith("A model of the cascade failed with ")
            assert "was told to fail" not in said
        assert traffic.working == 0
        told = httpx.get(f"{address}/metrics").text
        assert re.search(r'automix_failures_total{cascade="cascade",error="\w+"} 2.0', told)


def test_metrics(url: str) -> None:
    ask(url)
    told = httpx.get(f"{url}/metrics").text
    assert 'automix_calls_total{action="accept",cascade="cascade",model="0"} 1.0' in told
    assert "automix_cost_usd_total" in told


@pytest.mark.parametrize(
    ("said", "reason"),
    [("stop", "stop"), (None, "stop"), ("end_turn", "stop"), ("length", "length"), ("MAX_TOKENS", "length"),
     ("model_length", "length"), ("content_filter", "content_filter"), ("SAFETY", "content_filter")],
)  # fmt: skip
def test_why_an_answer_ended_is_said_in_openais_words(said: str | None, reason: str) -> None:
    told = {} if said is None else {"finish_reason": said}
    assert finish_reason(AIMessage("Oda", response_metadata=told)) == reason
    assert finish_reason(AIMessage("", response_metadata=told)) == reason
    called = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1"}], response_metadata=told)
    assert finish_reason(called) == "tool_calls"


class ClientError(Exception):
    """An error of a client that keeps the status on the response."""

    def __init__(self, status: int) -> None:
        super().__init__("no")
        self.response = httpx.Response(status)


@pytest.mark.parametrize(("status", "told"), [(429, 429), (400, 400), (422, 400), (500, 502)])
def test_a_models_error_is_understood_wherever_its_status_lies(status: int, told: int) -> None:
    assert refusal_of(ClientError(status)).status == told
    assert f"HTTP status {status}, ClientError" in failure(ClientError(status), "large")

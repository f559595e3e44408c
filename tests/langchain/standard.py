"""The subjects of langchain-tests' standard suites: ChatOpenAI, and ours in both paths, with the same flags.

S is the set of standard tests that ChatOpenAI passes over the loopback server in this run; ours must pass all of S.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

import httpx
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI

from langchain_automix import AutoMixChatModel, SelfVerifier
from tests.langchain.cascades import KEPT, SECRET, Path, child
from tests.loopback import OpenAIServer, Reply
from tests.loopback.openai_server import made_up
from tests.loopback.request import Request

Outcomes = dict[str, dict[str, str]]
"""Subject, test, outcome: passed, failed, skipped or xfailed."""

OUTCOMES = pytest.StashKey[Outcomes]()

SNAPSHOT = "compares the model with a snapshot stored beforehand; a loopback server has no fixed address to store"

OUTSIDE = (
    'loads with allowed_objects="all", which langchain-core allows to its own integrations only; '
    "test_introspection.py loads with the classes named"
)

WARNINGS = [
    # hosts pass settings that a cascade does not have, as these tests do
    pytest.mark.filterwarnings("ignore:AutoMixChatModel ignores the unknown keyword:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*v3.*:langchain_core._api.beta_decorator.LangChainBetaWarning"),
    # langchain-openai's own, with ChatOpenAI alone as well
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),
    pytest.mark.filterwarnings("ignore:OpenAI may require a filename:UserWarning"),
    pytest.mark.filterwarnings("ignore:Received a Pydantic BaseModel V1 schema:UserWarning"),
]

ONE_START = (
    "asserts that a model is started once; a cascade starts its children too, and hides none of them from a user's "
    'callbacks (structured_output="large" starts one and passes)'
)


def answer(request: Request) -> Reply | None:
    """What every model says: what is made up, with a token of every kind reported."""
    reply = made_up(request)
    return replace(
        reply, input_tokens=max(10, request.input_tokens), cached_tokens=1, reasoning_tokens=1, audio_tokens=1
    )


def unsound(request: Request) -> Reply | None:
    """On the escalating path the small model calls a tool that nobody offered."""
    return Reply(calls=(("no_such_tool", {}),)) if request.tools else None


def prepare(server: OpenAIServer, path: Path | None) -> None:
    """Script the server for a subject; no path is ChatOpenAI alone."""
    server.say(None, answer)
    if path is not None:
        server.verdicts(KEPT[path])
    if path == "escalate":
        server.say("small", unsound)


class Flags:
    """Everything that can run without the network is switched on, for every subject alike."""

    server: OpenAIServer
    path: Path | None = None
    settings: dict[str, Any] = {}  # noqa: RUF012 - replaced by subclasses, never changed

    @pytest.fixture(autouse=True)
    def _no_network(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        """Images and the like are fetched by the tests themselves; the loopback server is no web."""
        monkeypatch.setattr(httpx, "get", lambda *args, **kwargs: httpx.Response(200, content=b"bytes"))
        monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "loopback")

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI if self.path is None else AutoMixChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        if self.path is None:
            return {"model": "solo", "base_url": self.server.url, "api_key": SECRET, "stream_usage": True}
        children = [child(self.server, name, max_retries=2) for name in ("small", "large")]
        return {"models": children, "verifier": SelfVerifier(k=2), **self.settings}

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def supports_audio_inputs(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_pdf_tool_message(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str | None:
        return "overridden"

    @property
    def supported_usage_metadata_details(self) -> dict[Literal["invoke", "stream"], list[Any]]:
        kinds = ["audio_input", "audio_output", "reasoning_output", "cache_read_input"]
        return {"invoke": list(kinds), "stream": list(kinds)}

    def _detailed(self, *, stream: bool = False) -> AIMessage:
        model = self.chat_model_class(**self.chat_model_params)
        if not stream:
            return model.invoke("Hello")
        chunks = list(model.stream("Hello"))
        return sum(chunks[1:], chunks[0])

    invoke_with_audio_input = _detailed
    invoke_with_audio_output = _detailed
    invoke_with_reasoning_output = _detailed
    invoke_with_cache_read_input = _detailed


@pytest.fixture(autouse=True, scope="class")
def running(request: pytest.FixtureRequest) -> Iterator[None]:
    """A server for each subject; used by the modules that import it."""
    if request.cls is None:
        yield
        return
    with OpenAIServer() as server:
        prepare(server, request.cls.path)
        request.cls.server = server
        yield


def missed(outcomes: Outcomes, baseline: str) -> dict[str, list[str]]:
    """For each subject, the tests of S that it did not pass; xfailed ones are told apart by their mark."""
    whole = {test for test, outcome in outcomes[baseline].items() if outcome == "passed"}
    return {
        subject: sorted(test for test in whole if found.get(test) not in ("passed", "xfailed"))
        for subject, found in outcomes.items()
        if subject != baseline
    }


def remember(stash: pytest.Stash, item: pytest.Item, outcome: str) -> None:
    """Note the outcome of a standard test under the name of its class."""
    subject: type | None = getattr(item, "cls", None)
    if subject is not None and issubclass(subject, Flags):
        outcomes: Outcomes = stash.setdefault(OUTCOMES, {})
        outcomes.setdefault(subject.__name__, {})[item.name] = outcome


def checked(config: pytest.Config, baseline: str, subjects: Callable[[str], bool]) -> None:
    """Fail if a subject did not pass all of S. Nothing is said where the baseline did not run (pytest -k)."""
    outcomes = {name: found for name, found in config.stash.get(OUTCOMES, {}).items() if subjects(name)}
    if baseline not in outcomes:
        pytest.skip("ChatOpenAI did not run")
    assert any(outcome == "passed" for outcome in outcomes[baseline].values())
    assert not {subject: tests for subject, tests in missed(outcomes, baseline).items() if tests}

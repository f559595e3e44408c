"""OpenInference, as Phoenix and others use it: one tree a call, every token once, all spans closed, no key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langchain_openai import ChatOpenAI

from automix_core import Price
from automix_core.policies.share import Share
from langchain_automix import SelfVerifier
from tests.langchain.cascades import PATHS, SECRET, Path, cascade, child, script
from tests.langchain.tracing import FEW, PLACES, USER, WAYS, call
from tests.loopback import OpenAIServer
from tests.spans import exported_by

pytest.importorskip("openinference.instrumentation.langchain")

pytestmark = pytest.mark.filterwarnings("ignore:.*v3.*:langchain_core._api.beta_decorator.LangChainBetaWarning")

PRICES = [Price(1, 2), Price(10, 20)]


@pytest.fixture
def exported() -> Iterator[Any]:
    """What OpenInference exports."""
    from openinference.instrumentation.langchain import LangChainInstrumentor

    with exported_by(LangChainInstrumentor()) as exporter:
        yield exporter


def beneath(span: Any, spans: Any) -> list[str]:
    """The names of the spans directly under `span`, in the order of their start."""
    own = [one for one in spans if one.parent is not None and one.parent.span_id == span.context.span_id]
    return [one.name for one in sorted(own, key=lambda one: one.start_time)]


def tokens(spans: Any) -> tuple[int, int]:
    """The sums that Phoenix shows of a trace."""
    read, written = (
        sum(int(span.attributes.get(f"llm.token_count.{kind}", 0)) for span in spans)
        for kind in ("prompt", "completion")
    )
    return read, written


def called(spans: Any) -> list[Any]:
    """The spans of the calls of the cascade."""
    return [span for span in spans if span.name == "AutoMixChatModel"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("place", "how"), [way for way in WAYS if way[0] == "root" or way[1] in FEW])
def test_openinference(server: OpenAIServer, exported: Any, place: str, how: str, path: Path) -> None:
    """Every token once, one root a call, the right children, and on the call's span what dashboards chart."""
    script(server, path)
    runnable, value = PLACES[place](cascade(server, prices=PRICES))
    call(runnable, value, how, RunnableConfig(**USER))
    spans = exported.get_finished_spans()
    calls = 2 if "batch" in how else 1
    assert len([span for span in spans if span.parent is None]) == len(called(spans)) == calls
    assert tokens(spans) == server.tokens()
    # that method cancels its own producer at the last event, which any chat model's span then shows, ChatOpenAI's too
    cancelled = called(spans) if (place, how) == ("root", "v3 async") else []
    assert all(span.status.is_ok for span in spans if span not in cancelled)
    answered = ["automix_answer"] if path == "escalate" else []
    for span in called(spans):
        assert beneath(span, spans) == ["automix_draft", "automix_verify", "automix_meta_verifier", *answered]
        assert tokens([span]) == (0, 0), "the cascade's own span counts nothing again"
        charted = json.loads(span.attributes["metadata"])
        assert charted["automix_action"] == path
        assert charted["automix_cost_usd"] > 0
        assert isinstance(charted["automix_saved_usd"], float)
        assert (charted["thread_id"], charted["user"]) == ("thread-7", "Ines")
        assert span.attributes["session.id"] == "thread-7"
    assert len([span for span in spans if span.attributes.get("llm.token_count.prompt")]) == len(server.requests)
    assert SECRET not in json.dumps([dict(span.attributes) for span in spans])


@pytest.mark.parametrize("how", FEW)
def test_the_evidence_of_the_policy_is_charted_where_it_tells_one(
    server: OpenAIServer, exported: Any, how: str
) -> None:
    script(server, "accept")
    call(cascade(server, policy=Share(0.4)), "hello", how, RunnableConfig())
    (span,) = called(exported.get_finished_spans())
    charted = json.loads(span.attributes["metadata"])
    assert 0 <= charted["automix_evidence"] <= 1
    assert "automix_cost_usd" not in charted, "no price is known"


@pytest.mark.parametrize("samples", ["one request", "separate requests"])
def test_a_request_for_several_checks_is_counted_once(server: OpenAIServer, exported: Any, samples: str) -> None:
    script(server, "accept")
    one = samples == "one request"
    verifier = SelfVerifier(k=3) if one else SelfVerifier(model=child(server, "checker").with_retry(), k=3)
    cascade(server, verifier=verifier).invoke("hello")
    spans = exported.get_finished_spans()
    assert tokens(spans) == server.tokens()
    assert len([span for span in spans if span.attributes.get("llm.token_count.prompt")]) == len(server.requests)


def test_a_call_that_fails_is_a_span_that_failed(server: OpenAIServer, exported: Any) -> None:
    """Nothing stays open."""
    broken = [
        child(server, "small"),
        ChatOpenAI(model="large", base_url="http://127.0.0.1:9/v1", api_key=SECRET, max_retries=0),
    ]
    script(server, "escalate")
    with pytest.raises(Exception, match="onnect"):
        cascade(server, models=broken, prices=PRICES).invoke("hello")
    spans = exported.get_finished_spans()
    (span,) = called(spans)
    assert not span.status.is_ok
    assert span.parent is None
    assert beneath(span, spans) == ["automix_draft", "automix_verify", "automix_meta_verifier", "automix_answer"]
    assert json.loads(span.attributes["metadata"])["automix_action"] == "fallback"
    assert SECRET not in json.dumps([dict(span.attributes) for span in spans])

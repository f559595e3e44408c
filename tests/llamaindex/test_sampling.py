"""Drawing verdicts: concurrent requests, or one for n where a model has a field for it; nothing of a child's own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from llama_index.core.base.llms.types import CachePoint, ChatMessage, ChatResponse, CompletionResponse, TextBlock
from llama_index.llms.openai_like import OpenAILike

from automix_core.usage import Usage
from benchmarks.llamaindex.children import Child
from llamaindex_automix import AutoMixLLM, SelfVerifier, collect_routes
from llamaindex_automix.child.responses import finish_reason, usage_of
from tests.llamaindex.engines import DRAFT, KEY, PASSAGES, QUESTION, cascade, child, index, script
from tests.loopback import OpenAIServer, Reply
from tests.loopback.openai_server import Quirks


class Single(OpenAILike):  # type: ignore[misc]
    """A client whose provider gives one choice a request: Groq's, which is known by its package and name."""


Single.__module__, Single.__qualname__ = "llama_index.llms.groq.base", "Groq"


def single(server: OpenAIServer, name: str = "small", **settings: Any) -> Single:
    return Single(model=name, api_base=server.url, api_key=KEY, is_chat_model=True, max_retries=0, **settings)


def choosing(server: OpenAIServer, name: str = "small", **settings: Any) -> Any:
    return child(server, name, **{"context_window": 8000, **settings})


def get(model: AutoMixLLM) -> Any:
    with collect_routes() as routes:
        index(PASSAGES[1]).as_query_engine(llm=model).query(QUESTION)
    return routes[0]


def test_one_request_for_all_where_the_model_has_an_n(server: OpenAIServer) -> None:
    script(server, "accept")
    route = get(cascade(server, k=5, models=[choosing(server), child(server, "large")]))
    (check,) = server.calls(verdict=True)
    assert (check.n, route.verdicts["correct"]) == (5, 5)
    (bill,) = [bill for bill in server.billed if bill.verdict]
    assert route.usage["verify"]["input_tokens"] == bill.input_tokens
    assert not route.usage_estimated


@pytest.mark.usefixtures("at_once")
def test_concurrent_requests_where_it_has_none(server: OpenAIServer) -> None:
    script(server, "accept")
    all_there = threading.Barrier(5, timeout=20)  # broken unless five requests are under way at once

    def verdict(_: Any) -> str:
        all_there.wait()
        return "Yes.\nVerdict: Correct"

    server.verdicts(verdict)
    route = get(cascade(server, k=5, models=[single(server), child(server, "large")]))
    assert [check.n for check in server.calls(verdict=True)] == [1] * 5
    assert route.verdicts["correct"] == 5


@pytest.mark.parametrize("given", [1, 3])
def test_fewer_choices_count_and_the_rest_is_asked_for(server: OpenAIServer, given: int) -> None:
    script(server, "accept")
    server.quirks["small"] = Quirks(max_choices=given)
    route = get(cascade(server, k=5, models=[choosing(server), child(server, "large")]))
    assert [check.n for check in server.calls(verdict=True)] == [5] + [1] * (5 - given)
    assert route.verdicts["correct"] == 5
    assert route.usage["verify"]["input_tokens"] == sum(b.input_tokens for b in server.billed if b.verdict)


def test_a_refused_n_is_asked_for_one_by_one(server: OpenAIServer) -> None:
    script(server, "accept")
    server.fail("small", Reply(status=400, error="n is not supported"), when=lambda request: request.n > 1)
    route = get(cascade(server, k=3, models=[choosing(server), child(server, "large")]))
    assert (route.action, route.verdicts["correct"], route.errors) == ("accept", 3, [])


def test_usage_of_one_choice_is_marked_as_estimated(server: OpenAIServer) -> None:
    script(server, "accept")
    server.verdicts(
        "A long check that says the same as the passage does, at length and in many words. " * 3 + "\nVerdict: Correct"
    )
    server.quirks["small"] = Quirks(usage_of_one_choice=True)
    route = get(cascade(server, k=5, models=[choosing(server), child(server, "large")]))
    assert route.usage_estimated


def test_a_broken_request_for_n_is_n_broken_checks(server: OpenAIServer) -> None:
    script(server, "accept")
    server.fail("small", Reply(status=500), when=lambda request: request.asks_for_verdict)
    route = get(cascade(server, k=4, models=[choosing(server), child(server, "large")]))
    assert (route.action, route.verdicts["failed"]) == ("fallback", 4)


def test_some_broken_checks_are_counted_apart(server: OpenAIServer) -> None:
    script(server, "accept")
    server.fail("small", Reply(status=500), when=lambda request: request.asks_for_verdict, times=2)
    route = get(cascade(server, k=5, models=[single(server), child(server, "large")]))
    assert route.verdicts == {"correct": 3, "incorrect": 0, "unreadable": 0, "failed": 2}
    assert (route.confidence, route.action) == (1.0, "accept")
    assert route.model == 0


def test_a_childs_seed_and_limits_stay_out_of_checks(server: OpenAIServer) -> None:
    script(server, "accept")
    extra = {"seed": 7, "max_completion_tokens": 900, "temperature": 0.2, "top_p": 0.9}
    small = child(server, "small", additional_kwargs=extra)
    get(cascade(server, k=1, models=[small, child(server, "large")], verifier=SelfVerifier(k=1, max_tokens=99)))
    draft, check = server.calls("small", verdict=False)[0].body, server.calls(verdict=True)[0].body
    assert (draft["seed"], draft["max_completion_tokens"], draft["temperature"]) == (7, 900, 0.2)
    assert "seed" not in check
    assert "max_tokens" not in check
    assert (check["max_completion_tokens"], check["temperature"], check["top_p"]) == (99, 1.0, 0.9)
    assert small.additional_kwargs == extra


def test_a_verifier_alone(server: OpenAIServer) -> None:
    server.verdicts("Verdict: Correct", "Verdict: Incorrect", "No idea.")
    verifier = SelfVerifier(model=choosing(server), k=3)
    case = {"context": [PASSAGES[1]], "question": QUESTION, "answer": DRAFT, "history": "User: Hello"}
    assert verifier(case) == {
        "verdicts": [1, 0, None],
        "texts": ["Verdict: Correct", "Verdict: Incorrect", "No idea."],
        "confidence": 0.5,
    }
    assert "User: Hello" in server.requests[0].text


async def test_a_verifier_alone_awaited(server: OpenAIServer) -> None:
    server.verdicts("Verdict: Correct")
    verifier = SelfVerifier(model=child(server, "small"), k=3)
    found = await verifier.acall({"context": PASSAGES[1], "question": QUESTION, "answer": DRAFT})
    assert (found["verdicts"], found["confidence"]) == ([1, 1, 1], 1.0)


def test_the_prompt_is_a_template_of_its_own() -> None:
    prompt = SelfVerifier().prompt
    assert set(prompt.template_vars) == {"instructions", "history", "context", "question", "answer"}
    assert SelfVerifier().prompt_digest != SelfVerifier(instructions="Check.").prompt_digest


@pytest.mark.parametrize(
    ("raw", "read", "written", "cached"),
    [
        ({"usage": {"prompt_tokens": 5, "completion_tokens": 2}}, 5, 2, 0),
        ({"usage": {"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 3}}, 8, 2, 3),
        (
            {"usage_metadata": {"prompt_token_count": 5, "candidates_token_count": 2, "thoughts_token_count": 4}},
            5,
            6,
            0,
        ),
        ({"prompt_eval_count": 5, "eval_count": 2}, 5, 2, 0),
        ({"usage": {"inputTokens": 5, "outputTokens": 2}}, 5, 2, 0),
        (
            {"usage": {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}},
            5,
            2,
            4,
        ),
    ],
)
def test_usage_under_the_names_of_many_providers(raw: Any, read: int, written: int, cached: int) -> None:
    from llama_index.core.base.llms.types import CompletionResponse

    usage = usage_of(CompletionResponse(text="x", raw=raw))
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens) == (read, written, cached)
    assert usage_of(CompletionResponse(text="x", raw={"model": "m"})) is None


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"choices": [{"finish_reason": "length"}]}, "length"),
        ({"stop_reason": "max_tokens"}, "max_tokens"),
        ({"done_reason": "length"}, "length"),
        ({}, None),
        (None, None),
    ],
)
def test_finish_reasons_under_the_names_of_many_providers(raw: Any, reason: str | None) -> None:
    from llama_index.core.base.llms.types import CompletionResponse

    assert finish_reason(CompletionResponse(text="x", raw=raw)) == reason


@pytest.mark.parametrize(
    ("raw", "told", "written"),
    [
        ({"data": {"usage": {"prompt_tokens": 5, "completion_tokens": 2}}}, {}, 0),  # Mistral's stream events
        ({"response": {"usage": {"input_tokens": 5, "output_tokens": 2}}}, {}, 0),  # OpenAI's Responses, streamed
        (None, {"usage": {"input_tokens": 5, "output_tokens": 2}}, 0),
        ({"usage": {"input_tokens": 3, "output_tokens": 2, "cache_creation_input_tokens": 2}}, {}, 2),
        ({"usage": {"inputTokens": 3, "outputTokens": 2, "cacheWriteInputTokens": 2}}, {}, 2),
        (
            {"usage": {"prompt_tokens": "5", "completion_tokens": 2}},
            {"usage": {"input_tokens": 5, "output_tokens": 2}},
            0,
        ),
    ],
)
def test_tokens_are_found_where_each_client_puts_them(raw: Any, told: dict[str, Any], written: int) -> None:
    response = CompletionResponse(text="x", raw=raw, additional_kwargs=told)
    assert usage_of(response) == Usage(5, 2, 0, cache_write_tokens=written)


def test_what_is_no_number_is_no_usage() -> None:
    response = CompletionResponse(text="x", raw={"usage": {"prompt_tokens": "many", "completion_tokens": 2}})
    assert usage_of(response) is None


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"object": "response", "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
         "max_output_tokens"),
        ({"object": "response", "status": "completed", "incomplete_details": None}, "completed"),
        ({"response": {"object": "response", "status": "completed"}}, "completed"),
        ({"response": {"object": "response", "status": "in_progress"}}, None),
        ({"data": {"choices": [{"finish_reason": "stop"}]}}, "stop"),
    ],
)  # fmt: skip
def test_why_a_model_stopped_in_each_clients_words(raw: Any, reason: str | None) -> None:
    assert finish_reason(CompletionResponse(text="x", raw=raw)) == reason


@pytest.mark.parametrize(("k", "places"), [(1, [-2]), (3, [-2, -1])])
def test_what_checks_share_is_marked_where_the_provider_wants_marks(k: int, places: list[int]) -> None:
    seen: list[list[ChatMessage]] = []

    class Claude(Child):
        def _answer(self, messages: Sequence[ChatMessage]) -> ChatResponse:
            seen.append(list(messages))
            return super()._answer(messages)

    Claude.__module__, Claude.__qualname__ = "llama_index.llms.anthropic.base", "Anthropic"
    case = {"context": PASSAGES[0], "question": QUESTION, "answer": DRAFT}
    assert SelfVerifier(model=Claude(text=DRAFT), k=k)(case)["verdicts"] == [1] * k
    for asked in seen:
        marks = [[b.cache_control.type for b in turn.blocks if isinstance(b, CachePoint)] for turn in asked]
        assert [place - len(marks) for place, found in enumerate(marks) if found] == places
        assert {kind for found in marks for kind in found} == {"ephemeral"}
    assert SelfVerifier(model=Claude(text=DRAFT), k=1, shots=[], instructions="")(case)["texts"] == [DRAFT]
    assert seen[-1][-1].blocks == [TextBlock(text=seen[-1][-1].content)], "nothing that checks share, and one check"

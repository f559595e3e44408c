"""What each client is told, by the fields that its real class has; the packages have a matrix of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, LLMMetadata, MessageRole
from llama_index.core.llms import CompletionResponse, CustomLLM
from llama_index.llms.openai import OpenAI, OpenAIResponses
from pydantic import BaseModel, Field, PrivateAttr

from automix_core.checking.sampling import Wanted
from llamaindex_automix import AutoMixLLM, SelfVerifier, collect_routes
from llamaindex_automix.child.clients import CLIENTS
from llamaindex_automix.child.sampler import Sampler
from tests.llamaindex.engines import KEY

WITHOUT = frozenset({"temperature", "max_tokens"})
CASE = {"context": "Oda Verrin built it.", "question": "Who built it?", "answer": "Oda Verrin."}


class Hears(CustomLLM):
    """A model that remembers what it was asked with, and says `Verdict: Correct`."""

    _heard: list[tuple[Any, dict[str, Any]]] = PrivateAttr(default_factory=list)

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(is_chat_model=True, model_name="hears", context_window=16000)

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        self._heard.append((self, kwargs))
        return ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, content="Verdict: Correct"), raw={})

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        raise NotImplementedError

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        raise NotImplementedError

    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return self.chat(messages, **kwargs)


class Ollama(Hears):
    temperature: float | None = None
    json_mode: bool = False
    thinking: bool | str | None = None
    additional_kwargs: dict[str, Any] = Field(default_factory=dict)


class GoogleGenAI(Hears):
    temperature: float | None = 0.1
    max_retries: int = 3
    _generation_config: dict[str, Any] = PrivateAttr(default_factory=dict)


class MistralAI(Hears):
    temperature: float = 0.1
    max_tokens: int = 512
    random_seed: int | None = None
    max_retries: int = 5


class LangChainLLM(Hears):
    _llm: Any = PrivateAttr(default=None)


class Inner(BaseModel):
    """A model of another framework, inside `LangChainLLM`."""

    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    max_retries: int = 2


for package, kind in (
    ("ollama", Ollama),
    ("google_genai", GoogleGenAI),
    ("mistralai", MistralAI),
    ("langchain", LangChainLLM),
):
    kind.__module__, kind.__qualname__ = f"llama_index.llms.{package}.base", kind.__name__


def told(model: Any, n: int = 1, without: frozenset[str] = frozenset()) -> tuple[Any, dict[str, Any]]:
    settings = {name: value for name, value in {"temperature": 1.0, "max_tokens": 256}.items() if name not in without}
    return Sampler.of(model)._asked(Wanted(1, n, settings, without))


def test_ollama_has_its_limit_among_its_options() -> None:
    copy, keywords = told(Ollama(json_mode=True, additional_kwargs={"seed": 3, "stop": ["x"], "mirostat": 1}))
    assert (copy.temperature, copy.json_mode, keywords) == (1.0, False, {})
    assert copy.additional_kwargs == {"num_predict": 256, "mirostat": 1}


def test_a_frozen_config_is_laid_over_by_the_call() -> None:
    model = GoogleGenAI()
    model._generation_config = {"temperature": 0.0, "seed": 42, "max_output_tokens": 900, "stop_sequences": ["x"]}
    copy, keywords = told(model)
    merged = {**copy._generation_config, **keywords["generation_config"]}
    assert {name: value for name, value in merged.items() if value is not None} == {
        "temperature": 1.0,
        "max_output_tokens": 256,
    }
    assert copy.max_retries == 0
    assert model._generation_config["temperature"] == 0.0


def test_mistral_has_a_seed_of_its_own_name() -> None:
    copy, _ = told(MistralAI(random_seed=42))
    assert (copy.random_seed, copy.max_tokens, copy.max_retries) == (None, 256, 0)
    assert told(MistralAI(), without=WITHOUT)[0].max_tokens == 512, "which it can't do without"


def test_another_frameworks_model_is_told_inside() -> None:
    model = LangChainLLM()
    model._llm = Inner(seed=42, temperature=0.0)
    copy, keywords = told(model)
    assert copy._llm == Inner(temperature=1.0, max_tokens=256, max_retries=0)
    assert (model._llm.seed, keywords) == (42, {})


async def test_a_client_whose_awaited_calls_block_is_asked_in_threads() -> None:
    """All checks are under way at once, and the loop goes on meanwhile."""
    together = threading.Barrier(4, timeout=20)

    class Blocking(LangChainLLM):
        def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
            together.wait()
            return super().chat(messages, **kwargs)

    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    found = await SelfVerifier(model=Blocking(), k=4).acall(CASE)
    ticking.cancel()
    assert (found["verdicts"], ticks > 1) == ([1, 1, 1, 1], True)


@pytest.mark.parametrize(
    ("model", "thinks", "budget"),
    [
        (lambda: Ollama(thinking=True), True, 0),
        (lambda: Ollama(thinking=False), False, 0),
        (lambda: OpenAI(model="o4-mini", api_key=KEY, reasoning_effort="low"), True, 0),
        (lambda: OpenAIResponses(model="o4-mini", api_key=KEY, reasoning_options={"effort": "low"}), True, 0),
        (lambda: OpenAI(model="gpt-4.1-nano", api_key=KEY), False, 0),
    ],
)
def test_a_model_that_is_set_to_think_has_no_limit(model: Any, thinks: bool, budget: int) -> None:
    terms = Sampler.of(model()).terms(1.0, "auto")
    assert (terms.thinks, terms.budget) == (thinks, budget)


def test_a_check_is_no_turn_of_a_tracked_conversation() -> None:
    model = OpenAIResponses(model="gpt-4.1-nano", api_key=KEY, track_previous_responses=True, max_output_tokens=900)
    model._previous_response_id = "r1"
    copy, _ = told(model)
    assert (copy.track_previous_responses, copy._previous_response_id, copy.max_output_tokens) == (False, None, 256)
    assert model._previous_response_id == "r1"


def test_one_connection_pool_and_no_retries() -> None:
    model = OpenAI(model="gpt-4.1-nano", api_key=KEY, max_retries=3)
    first = model._get_client()
    copy, keywords = told(model, n=8)
    assert (copy._get_client()._client, copy._get_client().max_retries) == (first._client, 0)
    assert (copy.max_retries, model.max_retries, keywords) == (0, 3, {"n": 8})


def test_a_copy_is_made_once() -> None:
    sampler = Sampler.of(OpenAI(model="gpt-4.1-nano", api_key=KEY))
    wanted = Wanted(1, 1, {"temperature": 1.0})
    assert sampler._asked(wanted)[0] is sampler._asked(wanted)[0]


def test_every_row_has_what_the_matrix_needs() -> None:
    for name, row in CLIENTS.items():
        assert row.good or row.guess, name
        assert all(reason == reason.lower() for reason in row.good), name


class Early(GoogleGenAI):
    """A client that raises where an answer ended early, as Gemini's does."""

    _reasons: list[str] = PrivateAttr(default_factory=list)

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        if self._reasons:
            raise RuntimeError(f"Response was terminated early: {self._reasons.pop(0)}")
        return super().chat(messages, **kwargs)


@pytest.mark.parametrize("way", ["ask", "aask"])
async def test_a_check_that_ends_in_an_error_for_want_of_room_is_drawn_again(way: str) -> None:
    model = Early()
    model._reasons = ["MAX_TOKENS"] * 2
    verifier = SelfVerifier(model=model, k=2)
    found = verifier(CASE) if way == "ask" else await verifier.acall(CASE)
    assert found["verdicts"] == [1, 1]
    rooms = [keywords["generation_config"]["max_output_tokens"] for _, keywords in model._heard]
    assert rooms == [4096, 4096]


@pytest.mark.parametrize(
    ("reason", "words"),
    [("MAX_TOKENS", "cut off"), ("SAFETY [high]", "filtered"), ("OTHER", "other")],
)
async def test_a_draft_that_ends_in_an_error_is_rejected_unverified(reason: str, words: str) -> None:
    """By its finish reason, as with clients that give the partial answer; the last model's error is the caller's."""
    for way in ("chat", "achat"):
        small = Early()
        small._reasons = [reason]
        with collect_routes() as routes:
            model = AutoMixLLM(models=[small, Hears()])
            asked = [ChatMessage("Who?")]
            if way == "chat":
                model.chat(asked, automix_context="Oda.")
            else:
                await model.achat(asked, automix_context="Oda.")
        assert (routes[0].action, routes[0].errors, words in routes[0].reason) == ("escalate", [], True)
        assert routes[0].to_dict()["usage"]["draft"] is None, "what it cost is not known"
        last = Early()
        last._reasons = [reason] * 2
        with pytest.raises(RuntimeError, match="terminated early"):
            AutoMixLLM(models=[last, last]).chat(asked, automix_context="Oda.")

"""`AutoMixChatModel`: a cascade that stands wherever a LangChain chat model stands.

A private part of langchain-core used, as there is no public one: `_get_llm_string` is the response cache's key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import asdict
from operator import attrgetter, is_
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack

from langchain_core.caches import BaseCache
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun, Callbacks
from langchain_core.language_models import LanguageModelInput, ModelProfile
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import Runnable
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from automix_core.audit.audit import Audit
from automix_core.checking.custom import CheckFunction
from automix_core.checking.limiter import Limiter, RateLimiter, as_limiter
from automix_core.checking.measuring import Measurement
from automix_core.checking.passing import passed
from automix_core.checking.query import Query
from automix_core.decision import Policy
from automix_core.keywords import CALL, ignore_unknown, spelt_out
from automix_core.policies.provider import PolicyProvider, given
from automix_core.routing.breaker import Breaker
from automix_core.routing.limits import Limits, OnLastFailure, WhenOut
from automix_core.routing.price import Price
from automix_core.shown import Words

from ..call import Call
from ..cascade import Cascade
from ..child.models import in_words, rewrap
from ..draft.toolcalls import final_tools, openai_tools
from ..meta_verifier import as_plain
from ..query.reading import Extractor, for_children, read_messages, read_prompt
from ..tracing import tokens as accounting
from ..tracing.parent import parent_of
from ..verifier.self_verifier import SelfVerifier
from .composite import Composite
from .profile import common_profile, tokens_in

if TYPE_CHECKING:
    from ..draft.structured import Structure
    from .settings import Settings

_PARTS = attrgetter(
    *("verifier", "policy", "prices", "verify_concurrency", "on_failure", "signals", "measures"),
    *("timeout", "max_cost", "when_out", "on_last_failure", "breaker", "limiter", "hedge", "passage_budget"),
)
"""Fields, beside the models, of which a cascade is put together."""


class AutoMixChatModel(Composite):
    """A small model answers and checks itself; a larger one is paid when the policy says so.

        llm = AutoMixChatModel(models=[small, large])
        chain = prompt | llm | StrOutputParser()

    The route of a call is in `message.response_metadata["automix"]`. Raises `ConfigError` for a configuration that
    can't work, `PolicyError` for a policy that can't be read or was made for another number of models; keywords that it
    doesn't know are ignored with a warning, as frameworks pass their own.
    """

    models: list[Any]
    """Two models or more, cheapest first: chat models, or Runnables from messages to a message."""
    verifier: Any = Field(default=None, repr=False)
    """Who checks drafts: a `SelfVerifier` (None: the default one), a Runnable in its place, or a function, sync or
    async, called as (context, question, answer, n) that returns n verdicts or one direct confidence."""
    policy: Any = None
    """The meta-verifier, or the path of a saved one; None is `Threshold(0.75)`."""
    prices: list[Price | None] | None = None
    """One `Price` a model, in USD per million tokens; None where unknown."""
    without_context: Literal["prompt", "large", "small", "raise"] = "prompt"
    """What to do with a question that comes without context: check against the whole prompt, let the large or the
    small model answer unchecked, or raise `QueryError`."""
    on_failure: Literal["next", "raise"] = "next"
    """Whether the next model answers when a draft or a check fails, or the error is raised."""
    timeout: float | None = None
    """Seconds that a question may take in all: draft, checks, decision and answer, streams to their last word."""
    max_cost: float | None = None
    """USD that a question may cost; needs all prices. No step begins that is thought to cost more than is left."""
    when_out: WhenOut = "draft"
    """When time or money runs out: the best draft so far, flagged, or an error; without a draft always the error."""
    on_last_failure: OnLastFailure = "raise"
    """When the last model fails with a draft in hand: its error, or the draft, flagged."""
    breaker: Breaker | None = None
    """Leaves a model that keeps failing alone for a while; None asks it every time."""
    limiter: Any = Field(default=None, repr=False, exclude=True)
    """How many requests to the models are under way at once (drafts, checks, answers, streams): a number, a
    `Limiter(n)` that several cascades share, or a rate limiter, which has `acquire` and `aacquire`."""
    hedge: bool = False
    """Whether the answer that may be needed begins while a draft is checked, in awaited calls and awaited streams;
    blocking ones begin nothing ahead. Needs all prices. A policy fitted with --second-worth says when it pays; with any
    other every check begins one."""
    passage_budget: int | None = None
    """Tokens of the context that a check may see: what bears on the draft; None shows all. Beware: what is chosen by
    the draft's own words speaks for it."""
    verify_concurrency: int = 8
    """How many checks of one draft run at once, where they are separate requests."""
    structured_output: Literal["cascade", "large"] = "cascade"
    """Whether `with_structured_output` drafts, checks and escalates, or leaves it all to the largest model."""
    context_extractor: Extractor | None = Field(default=None, repr=False)
    """Finds the context in the messages where no keyword gives it; returns text, documents or None."""
    should_verify: Callable[[Query], bool] | None = Field(default=None, repr=False)
    """Says of a question with its context whether it is to be verified; if not, `errands` serves it."""
    errands: Literal["large", "small"] = "large"
    """Which model serves what is not question answering: rewriting, extracting, summarizing, judging."""
    only_errands: bool = False
    """What `errand()` sets: every call is an errand, never drafted or checked."""

    measures: dict[str, Any] | None = Field(default=None, repr=False)
    """Paid signals by name: a `TokenVerifier`, a function, sync or async, called as (context, question, answer), or a
    number of extra drafts, whose agreement with the draft it is."""
    signals: Any = Field(default="auto", repr=False)
    """Names of the signals to find out about each draft; "auto": those that the policy uses, else the textual ones."""
    audit: Audit | None = Field(default=None, repr=False, exclude=True)
    """Asks the other models too, after a share of calls, and keeps the outcomes that policies are fitted on."""

    model_config = ConfigDict(arbitrary_types_allowed=True, defer_build=True)
    _plain: Sequence[Any] | None = PrivateAttr(default=None)
    _tools: Sequence[Any] = PrivateAttr(default=())
    _final: frozenset[str] = PrivateAttr(default=frozenset())
    _bound: frozenset[str] = PrivateAttr(default=frozenset())
    _schema: Structure | None = PrivateAttr(default=None)
    _held: tuple[tuple[Any, ...], Cascade] | None = PrivateAttr(default=None)

    @spelt_out
    def __init__(
        self,
        models: Sequence[Runnable[Any, Any]],
        verifier: SelfVerifier | Runnable[Any, Any] | CheckFunction | None = None,
        policy: Policy | PolicyProvider | str | PathLike[str] | None = None,
        prices: Sequence[Price | None] | None = None,
        *,
        without_context: Literal["prompt", "large", "small", "raise"] = "prompt",
        on_failure: Literal["next", "raise"] = "next",
        timeout: float | None = None,
        max_cost: float | None = None,
        when_out: WhenOut = "draft",
        on_last_failure: OnLastFailure = "raise",
        breaker: Breaker | None = None,
        limiter: int | Limiter | RateLimiter | None = None,
        hedge: bool = False,
        passage_budget: int | None = None,
        verify_concurrency: int = 8,
        structured_output: Literal["cascade", "large"] = "cascade",
        context_extractor: Extractor | None = None,
        signals: Literal["auto"] | Sequence[str] = "auto",
        measures: Mapping[str, SelfVerifier | Measurement | int] | None = None,
        audit: Audit | None = None,
        should_verify: Callable[[Query], bool] | None = None,
        errands: Literal["large", "small"] = "large",
        only_errands: bool = False,
        name: str | None = None,
        cache: BaseCache | bool | None = None,
        verbose: bool = False,
        callbacks: Callbacks = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        custom_get_token_ids: Callable[[str], list[int]] | None = None,
        rate_limiter: BaseRateLimiter | None = None,
        disable_streaming: bool | Literal["tool_calling"] = False,
        output_version: str | None = None,
        profile: ModelProfile | None = None,
    ) -> None: ...

    @classmethod
    def from_config(cls, path: str | PathLike[str], **settings: Unpack[Settings]) -> Self:
        """The cascade that a `cascade.toml` describes, over its endpoints' `ChatOpenAI`.

        `settings` are the constructor's keywords and win over the file. Keys are read from the environment, by the
        models' names. Raises `ConfigError` that names the file and the line to blame, and where langchain-openai lacks.
        """
        from automix_core.cascade_file.building import build  # built at import; most cascades come of no file
        from automix_core.cascade_file.reading import read_cascade_file

        from ..child.endpoint import chat_model

        return build(cls, read_cascade_file(path), chat_model, SelfVerifier, settings)

    @field_validator("limiter")
    @classmethod
    def _one_for_all_copies(cls, limiter: Any) -> Any:
        return as_limiter(limiter)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        self._cascade()
        return self

    def _cascade(self) -> Cascade:
        """The parts put together; again whenever one of them was exchanged, be it by `model_copy` or assignment."""
        held, parts = self._held, self._parts()
        if held is None or len(held[0]) != len(parts) or not all(map(is_, held[0], parts)):
            limits = Limits(self.timeout, self.max_cost, self.when_out, self.on_last_failure)
            cascade = Cascade.of(
                self.models,
                self._plain or self.models,
                self.verifier,
                self.policy,
                self.prices,
                verify_concurrency=self.verify_concurrency,
                raising=self.on_failure == "raise",
                limits=limits,
                breaker=self.breaker,
                limiter=self.limiter,
                hedge=self.hedge,
                passage_budget=self.passage_budget,
                signals=self.signals,
                measures=self.measures,
            )
            self.policy = given(cascade.provider)  # no longer a path: its file is read once
            held = self._held = (self._parts(), cascade)
        return held[1]

    def _parts(self) -> tuple[Any, ...]:
        return (*self.models, *_PARTS(self))

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        models = [Words(in_words(model)) for model in self.models]
        return [("models", models), ("policy", self.policy), ("without_context", self.without_context)]

    @property
    def _llm_type(self) -> str:
        return "automix-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        """Namespaced: core shows these on every descendant's trace, where a plain `model_name` would mask its own."""
        cascade = self._cascade()
        return {
            "automix_models": list(cascade.names),
            "automix_policy": repr(self.policy),
            "automix_k": cascade.k,
        }

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        name = str(kwargs.get("model") or f"automix({'->'.join(self._cascade().names)})")
        params = LangSmithParams(ls_provider="automix", ls_model_name=name, ls_model_type="chat")
        if stop:
            params["ls_stop"] = stop
        return params

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        """The response cache's key: all that decides the answer, so that no two cascades share an entry."""
        from .cache_key import fingerprint

        settings = sorted({**kwargs, "stop": stop}.items())
        return f"automix---{fingerprint(self, self._cascade())}---{settings}"

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """True: `langchain_core.load` writes and reads it, secrets masked, if its parts can be written too."""
        return True

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        """Where `langchain_core.load` finds the class."""
        return ["langchain_automix"]

    @property
    def lc_attributes(self) -> dict[str, Any]:
        """The parts that are no LangChain objects, as plain data that the constructor takes back."""
        prices: Any = self.prices and [price and asdict(price) for price in self.prices]
        return {"policy": as_plain(self.policy), "prices": prices}

    def _resolve_model_profile(self) -> ModelProfile | None:
        return common_profile(self.models)

    def get_num_tokens(self, text: str) -> int:
        """How many tokens `text` has, as `tokens_in` counts."""
        return tokens_in(text, [self, *self.models])

    def get_num_tokens_from_messages(self, messages: Sequence[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """How many tokens `messages` have, for `trim_messages` and the like."""
        return tokens_in(messages, [self, *self.models], tools)

    def _call(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        manager: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None,
        settings: dict[str, Any],
        ahead: Literal["", "answer", "stream"] = "",
    ) -> Call:
        """What this call asks, and under which run its children stand."""
        parent = parent_of(self, manager, lambda: self._get_invocation_params(stop=stop, **settings))
        own = {name: value for name, value in settings.items() if name.startswith("automix_")}
        settings = {name: value for name, value in settings.items() if name not in own}
        question, context, coin = (own.pop(name, None) for name in CALL)
        ignore_unknown("AutoMixChatModel", own, CALL)
        tools = self._tools or settings.get("tools") or ()
        for name in self._bound:  # each model has these already, in its own provider's form
            settings.pop(name, None)
        if stop is not None:
            settings["stop"] = stop
        asked = read_messages(messages, question, context, self.context_extractor, parent.metadata)
        asked = passed(asked, self, lambda: read_prompt(messages, question))
        cascade = self._cascade()
        return Call(
            cascade=cascade,
            messages=for_children(messages),
            asked=asked,
            parent=parent,
            settings=settings,
            tools=tools,
            final=self._final,
            schema=self._schema,
            coin=coin,
            allowance=cascade.allowance(asked.query, messages),
            audit=self.audit,
            ahead=ahead,
        )

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call = self._call(messages, stop, run_manager, kwargs)
        message = accounting.labelled(*call.answer(call.route()))
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call = self._call(messages, stop, run_manager, kwargs, "answer")
        message = accounting.labelled(*await call.aanswer(await call.aroute()))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        call = self._call(messages, stop, run_manager, kwargs)
        with closing(call.stream(call.route())) as chunks:  # type: ignore[type-var]
            for chunk in chunks:
                yield ChatGenerationChunk(message=chunk)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        call = self._call(messages, stop, run_manager, kwargs, "stream")
        async with aclosing(call.astream(await call.aroute())) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                yield ChatGenerationChunk(message=chunk)

    def errand(self) -> AutoMixChatModel:
        """This model for calls that answer nobody's question: rewriting, extracting, summarizing, judging.

        They are never drafted or checked: the model that `errands` names answers (action bypass), objects too.
        """
        return self.model_copy(update={"only_errands": True, "structured_output": "cascade"})

    def bind_tools(
        self,
        tools: Sequence[Any],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer `tools` to every model, to each in its own provider's form; the verifier gets none.

        A draft that calls tools is passed on unjudged (action bypass) if the tools exist and the arguments fit their
        schemas, and rejected otherwise. The answer after the tools have run is verified against their results. A forced
        call of a tool that has nothing to run, as agents ask for structured output, is an answer and is verified too.
        """
        choice = {} if tool_choice is None else {"tool_choice": tool_choice}
        bound = self._with_models(lambda model: model.bind_tools(tools, **choice, **kwargs))
        bound._tools, bound._bound = openai_tools(tools), frozenset({"tools", *choice, *kwargs})
        bound._final = final_tools(tools, tool_choice)
        return bound.bind(tools=bound._tools, **choice, **kwargs)

    def with_structured_output(
        self, schema: dict[str, Any] | type | None = None, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """Answers in the form of `schema`, drafted, checked and escalated like any other.

        Each model is asked in its own provider's way; `method` and `strict` are handed on. A draft that doesn't parse
        is rejected unverified. With `structured_output="large"` the largest model alone answers. `schema` may be left
        out where the models' clients allow it, as for `method="json_mode"`.
        """
        from ..draft.structured import Structure, json_schema

        if self.structured_output == "large":
            whole: Any = self.models[-1]
            structured: Runnable[LanguageModelInput, dict[str, Any] | BaseModel] = whole.with_structured_output(
                schema, include_raw=include_raw, **kwargs
            )
            return structured
        structure = Structure.of(self.models, schema, kwargs)
        bound = self._with_models(lambda model: model)
        bound.models, bound._schema = list(structure.models), structure
        shown = {"kwargs": kwargs, "schema": json_schema(schema)}
        return bound.bind(ls_structured_output_format=shown) | structure.parser(include_raw)

    def _with_models(self, change: Callable[[Any], Any]) -> AutoMixChatModel:
        """A copy with `change` made to every answering model; drafts are still checked by the models as they were."""
        copy = self.model_copy(update={"models": [rewrap(model, change) for model in self.models]})
        copy._plain = self._plain or self.models
        return copy

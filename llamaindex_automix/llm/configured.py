"""What every method of an `AutoMixLLM` stands on: its configuration, and how a request becomes a routed call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter, is_
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack

from llama_index.core.base.llms.types import ChatMessage, LLMMetadata
from llama_index.core.callbacks import CallbackManager
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import LLM
from pydantic import Field, PrivateAttr, field_serializer, field_validator, model_validator

from automix_core.audit.audit import Audit
from automix_core.checking.limiter import as_limiter
from automix_core.checking.passing import Asked
from automix_core.checking.query import Query
from automix_core.errors import ConfigError, QueryError
from automix_core.policies.provider import given
from automix_core.policies.threshold import Threshold
from automix_core.routing.breaker import Breaker
from automix_core.routing.limits import Limits, OnLastFailure, WhenOut
from automix_core.routing.price import Price
from automix_core.shown import Words

from ..call import Call
from ..cascade import Cascade
from ..child.responses import in_words
from ..dumps import payload, restored, state_of
from ..query.passing import COIN, passed
from ..request.request import Request
from ..verifier.self_verifier import SelfVerifier

if TYPE_CHECKING:
    from .settings import Settings

_BUILT_OF = attrgetter(
    *("verifier", "policy", "prices", "verify_concurrency", "on_failure", "signals", "measures"),
    *("timeout", "max_cost", "when_out", "on_last_failure", "breaker", "limiter", "hedge", "passage_budget"),
)
"""Fields, beside the models, of which a cascade is put together."""

PARTS = ("models", "verifier", "policy", "context_extractor", "should_verify")
"""Fields that hold objects: a dump shows them, but can't bring them back."""


class RoutedLLM(FunctionCallingLLM):
    """The configuration of an `AutoMixLLM`.

    Raises `ConfigError` for one that can't work, `PolicyError` for a policy that can't be read or was made for another
    number of models.
    """

    models: list[Any] = Field(repr=False)
    """Two LlamaIndex LLMs or more, cheapest first."""
    verifier: Any = Field(default=None, repr=False)
    """Who checks drafts: a `SelfVerifier` (None: the default one), or a function, sync or async, called as (context,
    question, answer, n) that returns n verdicts or one direct confidence."""
    policy: Any = None
    """The meta-verifier, or the path of a saved one; None is `Threshold(0.75)`."""
    prices: list[Price | None] | None = None
    """One `Price` a model, in USD per million tokens; None where unknown."""
    without_context: Literal["prompt", "large", "small", "raise"] = "large"
    """What to do with a question that comes without context: check against the whole prompt, let the large or the
    small model answer unchecked, or raise `QueryError`."""
    errands: Literal["large", "small"] = "large"
    """Which model serves what is not question answering: condensing, selecting, extracting, judging, indexing."""
    only_errands: bool = False
    """What `errand()` sets: every call is an errand, never drafted or checked."""
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
    """Whether structured prediction drafts, checks and escalates, or leaves it all to the largest model."""
    context_window: int | None = None
    """Tokens that a prompt and its answer may take; None finds out from the models and the verifier."""
    context_extractor: Callable[[Sequence[ChatMessage]], Any] | None = Field(default=None, repr=False)
    """Finds the context in the messages where no keyword gives it; returns text, nodes or None."""
    should_verify: Callable[[Query], bool] | None = Field(default=None, repr=False)
    """Says of a question with its context whether it is to be verified; if not, `errands` serves it."""

    measures: dict[str, Any] | None = Field(default=None, repr=False, exclude=True)
    """Paid signals by name: a `TokenVerifier`, a function, sync or async, called as (context, question, answer), or a
    number of extra drafts, whose agreement with the draft it is."""
    signals: Any = Field(default="auto", repr=False)
    """Names of the signals to find out about each draft; "auto": those that the policy uses, else the textual ones."""
    audit: Audit | None = Field(default=None, repr=False, exclude=True)
    """Asks the other models too, after a share of calls, and keeps the outcomes that policies are fitted on."""

    _held: tuple[tuple[Any, ...], Cascade] | None = PrivateAttr(default=None)

    @field_validator("limiter")
    @classmethod
    def _one_for_all_copies(cls, limiter: Any) -> Any:
        return as_limiter(limiter)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.context_window is not None and self.context_window < 1:
            raise ConfigError(f"{type(self).__name__}: context_window must be 1 or more, not {self.context_window}.")
        self._cascade()
        if "callback_manager" in self.model_fields_set:
            self._hand_on(self.callback_manager)
        return self

    @model_validator(mode="before")
    @classmethod
    def _none_is_no_manager(cls, data: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in data.items() if name != "callback_manager" or value is not None}

    def __setattr__(self, name: str, value: Any) -> None:
        """A callback manager is handed to the models: they report, the cascade does not."""
        super().__setattr__(name, value)
        if name == "callback_manager" and "models" in self.__dict__:
            self._hand_on(value)

    def _hand_on(self, manager: CallbackManager) -> None:
        own = self.verifier.model if isinstance(self.verifier, SelfVerifier) else None
        for model in (*self.models, *([own] if own is not None else [])):
            model.callback_manager = manager

    def _cascade(self) -> Cascade:
        """The parts put together; again whenever one of them was exchanged, be it by `model_copy` or assignment."""
        held, parts = self._held, self._parts()
        if held is None or len(held[0]) != len(parts) or not all(map(is_, held[0], parts)):
            cascade = Cascade.of(
                self.models,
                self.verifier,
                self.policy,
                self.prices,
                verify_concurrency=self.verify_concurrency,
                raising=self.on_failure == "raise",
                limits=Limits(self.timeout, self.max_cost, self.when_out, self.on_last_failure),
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
        return (*self.models, *_BUILT_OF(self))

    @model_validator(mode="before")
    @classmethod
    def _auxiliary_is_errands(cls, data: dict[str, Any]) -> dict[str, Any]:
        given = {name: value for name, value in data.items() if name != "auxiliary"}
        if data.get("auxiliary") is None:
            return given
        if given.get("errands", data["auxiliary"]) != data["auxiliary"]:
            raise ConfigError(f"{cls.__name__}: auxiliary is another name of errands; give one of them.")
        return {**given, "errands": data["auxiliary"]}

    @property
    def auxiliary(self) -> Literal["large", "small"]:
        """Another name of `errands`."""
        return self.errands

    def errand(self) -> Self:
        """This model for calls that answer nobody's question: rewriting, extracting, summarizing, judging.

        They are never drafted or checked: the model that `errands` names answers (action bypass), objects too.
        """
        return self.model_copy(update={"only_errands": True, "structured_output": "cascade"})

    @property
    def large(self) -> Any:
        """The largest model."""
        return self.models[-1]

    @property
    def metadata(self) -> LLMMetadata:
        """What the framework may rely on whichever model answers; tools are the largest model's affair."""
        cascade, large = self._cascade(), self.large.metadata
        return LLMMetadata(
            context_window=self.context_window or cascade.context_window,
            num_output=cascade.num_output,
            is_chat_model=any(model.metadata.is_chat_model for model in self.models),
            is_function_calling_model=isinstance(self.large, FunctionCallingLLM) and large.is_function_calling_model,
            model_name=f"automix({'->'.join(cascade.names)})",
            system_role=large.system_role,
        )

    def _call(
        self,
        request: Request[Any],
        asked: Asked,
        keywords: Mapping[str, Any],
        messages: Callable[[], Sequence[ChatMessage]],
    ) -> Call:
        """What a call asks; `messages` are what the small model would see."""
        cascade = self._cascade()
        try:
            asked = passed(asked, self, keywords, messages)
        except (ValueError, TypeError) as error:
            raise QueryError(f"The question could not be read: {type(error).__name__}; see the cause.") from error
        allowance = cascade.allowance(asked.query, messages)
        return Call(cascade, request, asked, keywords.get(COIN), allowance=allowance, audit=self.audit)

    def _whole(self, request: Request[Any], reason: str) -> Call:
        """A call that goes to the largest model as it stands."""
        cascade = self._cascade()
        asked = Asked(Query(""), passing=reason, to=cascade.last)
        return Call(cascade, request, asked, allowance=cascade.allowance(asked.query, list))

    @field_serializer("models")
    def _models_without_secrets(self, models: list[LLM]) -> list[dict[str, Any]]:
        return [payload(model) for model in models]

    @field_serializer("policy", "verifier", "context_extractor", "should_verify")
    def _by_name(self, part: Any) -> Any:
        if part is None or isinstance(part, SelfVerifier):
            return part and part.to_dict()
        return repr(part) if not callable(part) else getattr(part, "__qualname__", type(part).__name__)

    @classmethod
    def from_config(cls, path: str | PathLike[str], **settings: Unpack[Settings]) -> Self:
        """The cascade that a `cascade.toml` describes, over its endpoints' `OpenAILike`.

        `settings` are the constructor's keywords and win over the file. Keys are read from the environment, by the
        models' names. Raises `ConfigError` that names the file and the line to blame, and where the package
        llama-index-llms-openai-like lacks.
        """
        from automix_core.cascade_file.building import build  # built at import; most cascades come of no file
        from automix_core.cascade_file.reading import read_cascade_file

        from ..child.endpoint import openai_like

        return build(cls, read_cascade_file(path), openai_like, SelfVerifier, settings)

    @classmethod
    def from_dict(cls, data: dict[str, Any], **kwargs: Any) -> Any:
        """The model that `to_dict` showed, given the parts that a dump can't bring back.

        Raises `ConfigError` naming those that are missing: the models always, others where they were set.
        """
        shown = {name: data.get(name) for name in PARTS}
        defaults = {"policy": repr(Threshold())}
        missing = [name for name in PARTS if shown[name] != defaults.get(name) and name not in kwargs]
        if missing:
            raise ConfigError(
                f"A dump of {cls.__name__} holds no models, keys or functions; "
                f"pass {', '.join(f'{name}=...' for name in missing)} to from_dict."
            )
        plain = {name: value for name, value in data.items() if name in cls.model_fields and name not in PARTS}
        return cls(**{**plain, **kwargs})

    def __getstate__(self) -> dict[str, Any]:
        return state_of(self, droppable=("callback_manager",))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(restored(state))

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        models = [Words(in_words(model)) for model in self.models]
        return [("models", models), ("policy", self.policy), ("without_context", self.without_context)]

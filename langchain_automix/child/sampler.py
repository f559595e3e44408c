"""A child as it is asked for checks: on terms of its own, and without what belongs to answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any
from uuid import uuid4

from langchain_core.language_models import BaseChatModel, BaseLanguageModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from automix_core.checking import turns
from automix_core.checking.client import (
    DROPPED,
    LIMIT_FIELDS,
    SEVERAL,
    cleaned,
    keeping,
    name_stranger,
    telling,
    told,
    without_retries,
)
from automix_core.checking.refusal import LIMITS, Memory, memory_of
from automix_core.checking.sampling import MaxTokens, Terms, Wanted
from automix_core.checking.thinking import thinking
from automix_core.evidence.asking import DRAFT_ALTERNATIVES, Drafter

from .clients import CLIENTS, HOME, LIMIT_OF_PROVIDER, client_of, mark_of
from .models import Child, core_model, name_of, rewrap, unwrap


@dataclass(frozen=True, slots=True, eq=False)
class Sampler:
    """A model as it draws verdicts. Copies that carry settings are made once; `child` is the user's own and stays.

    `keeps` are names of what belongs to answers alone and is kept here: where answers are drawn. `mark` is what it
    takes in a prompt for its provider's cache, if anything.
    """

    child: Child
    memory: Memory
    mark: str | None = None
    keeps: frozenset[str] = frozenset()
    _made: dict[Any, Child] = field(default_factory=dict)
    _terms: dict[Any, Terms] = field(default_factory=dict)

    @classmethod
    def of(cls, child: Child, keeps: frozenset[str] = frozenset()) -> Sampler:
        """A sampler that remembers what the model inside `child` refused, wherever it was met."""
        return cls(child, memory_of(core_model(child)), mark_of(child), keeps)

    def terms(self, temperature: float | None, max_tokens: MaxTokens, marks: int = 0) -> Terms:
        """On what terms this model is asked for replies under a verifier's settings, with `marks` if it takes any."""
        key = (temperature, max_tokens, marks)
        if key not in self._terms:
            self._terms[key] = self._look(temperature, max_tokens, marks)
        return self._terms[key]

    def _look(self, temperature: float | None, max_tokens: MaxTokens, marks: int) -> Terms:
        model, bound, _ = unwrap(self.child)
        inner = core_model(self.child)
        if not tells(inner):
            return Terms(None, None, choices=False, model=name_of(self.child))
        if isinstance(inner, BaseLanguageModel):
            name_stranger(type(inner), CLIENTS, HOME)
        client = client_of(inner)
        thinks, budget = thinking(inner, bound)
        own = getattr(inner, client.limit, None) if client.limit else None
        return Terms(
            temperature,
            max_tokens,
            choices=gives_n(model, bound),
            thinks=thinks,
            budget=budget,
            own_limit=own if isinstance(own, int) else None,
            limit_names=client.limit_names,
            model=name_of(self.child),
            marks=marks if self.mark else 0,
        )

    def prompt(self, messages: Sequence[BaseMessage], wanted: Wanted) -> Sequence[BaseMessage]:
        """`messages` as this model is sent them: without a system's turn, or with marks, where that is wanted."""
        asked = messages if wanted.system else without_system(messages)
        if not wanted.marks or self.mark is None or len(asked) < 2:
            return asked
        *shared, examples, case = asked
        case = _marked(case, self.mark) if wanted.marks > 1 else case
        return [*shared, _marked(examples, self.mark), case]

    @property
    def gives_logprobs(self) -> bool:
        """Whether it may be asked for the log-probabilities of an answer, which begins with no thoughts."""
        _, bound, _ = unwrap(self.child)
        inner = core_model(self.child)
        known = tells(inner) and client_of(inner).logprobs is not None and "logprobs" not in self.memory.refused
        return known and not self.memory.thinks and not thinking(inner, bound)[0] and not _responds(inner)

    def asked(self, wanted: Wanted) -> Child:
        """The model as it is to be asked: what is wanted is in its own fields, or in keywords bound to it."""
        key = (wanted.n, tuple(sorted(wanted.settings.items())), wanted.without)
        if key not in self._made:
            self._made[key] = rewrap(
                self.child,
                partial(_told, wanted=wanted, keeps=self.keeps),
                partial(_bound, self.child, wanted, self.keeps),
                tries=1,
            )
        return self._made[key]


def _marked(message: BaseMessage, mark: str) -> BaseMessage:
    """`message` with a mark behind it, up to which its provider's cache may keep the prompt."""
    text: dict[str, Any] = {"type": "text", "text": message.text}
    if mark == "cachePoint":
        return message.model_copy(update={"content": [text, {"cachePoint": {"type": "default"}}]})
    return message.model_copy(update={"content": [{**text, mark: {"type": "ephemeral"}}]})


def drafter_of(child: Child, wanted: bool) -> Drafter[Child]:
    """`child` as it drafts, its tokens' log-probabilities reported where they are `wanted` and it can."""
    inner = core_model(child)
    can = tells(inner) and isinstance(inner, BaseLanguageModel) and not _responds(inner)
    copy = rewrap(child, _telling) if wanted and can and client_of(inner).logprobs is not None else None
    return Drafter.of(child, copy, memory_of(inner), name_of(child), wanted)


def _telling(model: Child) -> Child:
    if not isinstance(model, BaseLanguageModel):
        return model
    change = telling(model, client_of(model), DRAFT_ALTERNATIVES)
    if change is None:
        return model
    copy: Any = model.model_copy(update=dict(change.fields))
    asked: Child = copy.bind(**change.keywords) if change.keywords else copy
    return asked


def tells(model: Child) -> bool:
    """True if temperature and the like can be told to it; a plain function would choke on them."""
    return isinstance(model, BaseLanguageModel) or hasattr(model, "_model_params")


def gives_n(model: Child, bound: Mapping[str, Any]) -> bool:
    """True if one request of this model, with these arguments bound, can return several choices.

    OpenAI's Responses API has no `n`, whether it is chosen by a field or by an argument that only it knows. A model
    that no table has must have a field `n` of its own.
    """
    if not isinstance(model, BaseChatModel) or not client_of(model).choices:
        return False
    responses = getattr(model, "_use_responses_api", None)
    if getattr(model, "use_responses_api", None):
        return False
    if not callable(responses):
        return True
    kept = cleaned({**(getattr(model, "model_kwargs", None) or {}), **bound}, client_of(model), {}, frozenset())
    try:
        return not responses(kept)
    except Exception:  # a method of its own that wants something else; a refused n is survived
        return True


def _responds(model: Child) -> bool:
    """True for a model that OpenAI's Responses API serves, which reports tokens in another way."""
    return bool(getattr(model, "use_responses_api", None))


def _bound(child: Child, wanted: Wanted, keeps: frozenset[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """Bound arguments as they are for a check. The settings themselves are in the model's fields, so here they go."""
    client = keeping(client_of(core_model(child)), keeps)
    kept = cleaned(given, client, wanted.settings, wanted.without)
    own = {"temperature"} & (wanted.settings.keys() | wanted.without)
    if not {*LIMITS} & wanted.settings.keys() and "max_tokens" not in wanted.without:
        own |= SEVERAL
    else:
        own |= {*SEVERAL, *LIMITS, *LIMIT_FIELDS}
    kept = {name: value for name, value in kept.items() if name not in own}
    if "options" in kept and client.limit:  # of Ollama: given, they stand in the place of all fields
        fields = told(core_model(child), client, wanted.settings, wanted.without).fields
        kept["options"] |= {
            name: fields[name] for name in (client.temperature, client.limit) if fields.get(name) is not None
        }
    return kept


def _told(model: Child, wanted: Wanted, keeps: frozenset[str] = frozenset()) -> Child:
    """A copy of a model as it is for checks: uncached, not streaming, without retries, told what is wanted."""
    if not isinstance(model, BaseLanguageModel):
        return _built_later(model, wanted)
    change = told(model, keeping(client_of(model), keeps), wanted.settings, wanted.without, wanted.n)
    fields = type(model).model_fields
    update = {**change.fields}
    if "cache" in fields:  # a response cache would make all samples one
        update["cache"] = False
    if getattr(model, "streaming", False):  # a stream gives one choice, and nobody watches a check's tokens
        update["streaming"] = False
    copy: Any = model.model_copy(update={**update, **without_retries(model)})
    for name in [n for n in copy.__dict__ if isinstance(getattr(type(model), n, None), cached_property)]:
        del copy.__dict__[name]  # made from the fields when first used, as ChatAnthropic's clients are
    asked: Child = copy.bind(**change.keywords) if change.keywords else copy
    return asked


def _built_later(model: Child, wanted: Wanted) -> Child:
    """A copy of what `init_chat_model` makes with `configurable_fields`: a model built from settings at each call."""
    settings = getattr(model, "__dict__", {}).get("_default_config")
    if not isinstance(settings, dict):
        return model
    kept = {name: value for name, value in settings.items() if name not in DROPPED | {"n"}}
    if "temperature" in wanted.without:
        kept.pop("temperature", None)
    if "temperature" in wanted.settings:
        kept["temperature"] = wanted.settings["temperature"]
    if (limit := next((wanted.settings[name] for name in LIMITS if name in wanted.settings), None)) is not None:
        kept = {name: value for name, value in kept.items() if name not in {*LIMITS, *LIMIT_FIELDS}}
        kept[LIMIT_OF_PROVIDER.get(str(kept.get("model_provider")), "max_tokens")] = limit
    copy: Child = object.__new__(type(model))  # not copy.copy, which its __getattr__ sends round in circles
    copy.__dict__.update(model.__dict__)
    copy.__dict__["_default_config"] = kept
    return copy


def uncached(child: Child, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """`messages`, marked as unlike any cached ones where the child's cache could not be switched off.

    A configurable model is built at each call, out of reach; the response cache compares messages with their
    `additional_kwargs`, which providers ignore.
    """
    if isinstance(core_model(child), BaseLanguageModel):
        return list(messages)
    *before, last = messages
    mark = {**last.additional_kwargs, "automix_sample": uuid4().hex}
    return [*before, last.model_copy(update={"additional_kwargs": mark})]


def without_system(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """`messages` for a model without a system role: system text stands in front of the first user turn."""
    asked = turns.without_system([(_ROLES[message.type], message.text) for message in messages])
    return [_MESSAGES[role](text) for role, text in asked]


_ROLES: dict[str, turns.Role] = {"system": "system", "human": "user", "ai": "assistant"}
_MESSAGES = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}

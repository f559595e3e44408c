"""A child as it is asked for checks: on terms of its own, and without what belongs to answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from llama_index.core.base.llms.types import CacheControl, CachePoint, ChatMessage, MessageRole
from llama_index.core.llms.llm import LLM

from automix_core.checking import turns
from automix_core.checking.client import (
    TOP,
    Client,
    guessed,
    keeping,
    name_stranger,
    telling,
    told,
    untrying,
    without_retries,
)
from automix_core.checking.finish import CUT_OFF
from automix_core.checking.refusal import Memory, memory_of
from automix_core.checking.sampling import Choices, MaxTokens, Terms, Wanted
from automix_core.checking.thinking import thinking
from automix_core.evidence.asking import DRAFT_ALTERNATIVES, Drafter

from .clients import CLIENTS, HOME, client_of
from .responses import Response, choices_of, ended_early, finish_reasons, name_of, usage_of

Prompt: TypeAlias = Sequence[ChatMessage] | str


@dataclass(frozen=True, slots=True, eq=False)
class Sampler:
    """A model as it draws verdicts. Copies that carry settings are made once: each may hold its own connections."""

    model: LLM
    client: Client
    memory: Memory
    _made: dict[Any, tuple[LLM, dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def of(cls, model: LLM, keeps: frozenset[str] = frozenset()) -> Sampler:
        """A sampler that remembers what `model` refused, wherever it was met.

        `keeps` are names of what belongs to answers alone and is kept here: where answers are drawn.
        """
        return cls(model, keeping(client_of(model), keeps), memory_of(model))

    def terms(self, temperature: float | None, max_tokens: MaxTokens, marks: int = 0) -> Terms:
        """On what terms this model is asked for replies under a verifier's settings, with `marks` if it takes any."""
        inner = inside(self.model)
        name_stranger(type(self.model), CLIENTS, HOME)
        client = self.client if inner is self.model else guessed(type(inner))
        thinks, budget = thinking(inner)
        own = getattr(inner, client.limit, None) if client.limit else None
        return Terms(
            temperature,
            max_tokens,
            choices=self.client.choices is not None,
            thinks=thinks,
            budget=budget,
            own_limit=own if isinstance(own, int) else None,
            limit_names=self.client.limit_names,
            model=name_of(self.model),
            marks=marks if self.client.mark else 0,
        )

    @property
    def gives_logprobs(self) -> bool:
        """Whether it may be asked for the log-probabilities of an answer, which begins with no thoughts."""
        known = self.client.logprobs is not None and "logprobs" not in self.memory.refused
        return known and not self.memory.thinks and not thinking(inside(self.model))[0]

    def ask(self, prompt: Prompt, wanted: Wanted) -> Choices:
        """One request: chat turns where the prompt has any, else a completion."""
        model, keywords = self._asked(wanted)
        try:
            if isinstance(prompt, str):
                return _choices(model.complete(prompt, **keywords))
            return _choices(model.chat(self._turns(prompt, wanted), **keywords))
        except RuntimeError as error:
            return _unsaid(error)

    async def aask(self, prompt: Prompt, wanted: Wanted) -> Choices:
        """`ask`, awaited."""
        model, keywords = self._asked(wanted)
        try:
            if isinstance(prompt, str):
                return _choices(await model.acomplete(prompt, **keywords))
            return _choices(await model.achat(self._turns(prompt, wanted), **keywords))
        except RuntimeError as error:
            return _unsaid(error)

    def _turns(self, prompt: Sequence[ChatMessage], wanted: Wanted) -> list[ChatMessage]:
        """The prompt as it is sent: without a system's turn, or with marks, where that is wanted."""
        asked = list(prompt) if wanted.system else _without_system(prompt)
        if not wanted.marks or self.client.mark is None or len(asked) < 2:
            return asked
        *shared, examples, case = asked
        case = _marked(case, self.client.mark) if wanted.marks > 1 else case
        return [*shared, _marked(examples, self.client.mark), case]

    def _asked(self, wanted: Wanted) -> tuple[LLM, dict[str, Any]]:
        key = (wanted.n, tuple(sorted(wanted.settings.items())), wanted.without)
        if key not in self._made:
            self._made[key] = _told(self.model, self.client, wanted)
        model, keywords = self._made[key]
        if model is not self.model and model.callback_manager is not self.model.callback_manager:
            model.callback_manager = self.model.callback_manager
        return model, keywords


def drafter_of(model: LLM, wanted: bool) -> Drafter[LLM]:
    """`model` as it drafts, its tokens' log-probabilities reported where they are `wanted` and it can."""
    return Drafter.of(model, _telling(model) if wanted else None, memory_of(model), name_of(model), wanted)


def _telling(model: LLM) -> LLM | None:
    client = client_of(model)
    if client.inside and client.logprobs:  # its settings are frozen, in a dict that each call begins with
        frozen = getattr(model, f"_{client.inside}", None)
        asked = {name: DRAFT_ALTERNATIVES if value is TOP else value for name, value in client.logprobs.items()}
        copy = model.model_copy()
        setattr(copy, f"_{client.inside}", {**(frozen or {}), **asked})
        return copy
    change = telling(model, client, DRAFT_ALTERNATIVES)
    return model.model_copy(update=dict(change.fields)) if change is not None and not change.keywords else None


def inside(model: LLM) -> Any:
    """The model that another framework's wrapper (`LangChainLLM`) asks, or `model` itself."""
    inner = getattr(model, "_llm", None)
    return inner if inner is not None and hasattr(inner, "model_copy") else model


def _told(model: LLM, client: Client, wanted: Wanted) -> tuple[LLM, dict[str, Any]]:
    """A copy of `model` as it is for checks, and keywords for each call: without retries, told what is wanted."""
    inner = inside(model)
    if inner is not model:
        change = told(inner, guessed(type(inner)), wanted.settings, wanted.without)
        copy: Any = model.model_copy()
        copy._llm = inner.model_copy(update={**change.fields, **without_retries(inner)})
        return copy, dict(change.keywords)
    change = told(model, client, wanted.settings, wanted.without, wanted.n)
    fields = {**change.fields}
    if "track_previous_responses" in type(model).model_fields:
        fields["track_previous_responses"] = False  # a check is no turn of the conversation
    copy = model.model_copy(update=fields)
    for name in ("_client", "_aclient"):
        if (made := (model.__pydantic_private__ or {}).get(name)) is not None:
            setattr(copy, name, untrying(made))
    if "_previous_response_id" in (model.__pydantic_private__ or {}):
        copy._previous_response_id = None
    return copy, dict(change.keywords)


def _marked(turn: ChatMessage, mark: str) -> ChatMessage:
    """`turn` with a mark behind it, up to which its provider's cache may keep the prompt."""
    point = CachePoint(cache_control=CacheControl(type=mark))
    return turn.model_copy(update={"blocks": [*turn.blocks, point]})


def _without_system(prompt: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The prompt for a model without a system role, with system text in front of the first user turn."""
    asked = turns.without_system([(_ROLES.get(turn.role, "system"), str(turn.content)) for turn in prompt])
    return [ChatMessage(role=_MESSAGES[role], content=text) for role, text in asked]


_MESSAGES: dict[turns.Role, MessageRole] = {
    "system": MessageRole.SYSTEM,
    "user": MessageRole.USER,
    "assistant": MessageRole.ASSISTANT,
}
_ROLES = {role: name for name, role in _MESSAGES.items()} | {MessageRole.DEVELOPER: "system"}


def _choices(response: Response) -> Choices:
    return Choices(choices_of(response), finish_reasons(response), usage_of(response), (response,))


def _unsaid(error: RuntimeError) -> Choices:
    """A reply in whose place its client raises that it was cut off, at an unknown cost. Raises any other error."""
    reason = ended_early(error)
    if reason is None or reason.lower() not in CUT_OFF:
        raise error
    return Choices([""], [reason])

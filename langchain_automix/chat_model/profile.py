"""What a cascade can do (what all its models can, as any of them may answer), and how it counts tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from langchain_core.language_models import ModelProfile
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.messages.utils import count_tokens_approximately

from ..child.models import Child, core_model


def common_profile(models: Sequence[Child]) -> ModelProfile | None:
    """The intersection of the models' profiles: the smaller limit, and only the abilities that all have.

    A field that one model's profile leaves out is left out, as nothing is known of it, and so is one of words in which
    they differ; None if a model has no profile.
    """
    profiles: list[dict[str, Any]] = [getattr(core_model(model), "profile", None) or {} for model in models]
    if not all(profiles):
        return None
    shared = set.intersection(*(set(profile) for profile in profiles))
    common = {field: _common([profile[field] for profile in profiles]) for field in sorted(shared)}
    return cast("ModelProfile", {field: value for field, value in common.items() if value is not None})


def tokens_in(value: str | Sequence[BaseMessage], models: Sequence[Child], tools: Sequence[Any] | None = None) -> int:
    """How many tokens a text or messages have: by the first `custom_get_token_ids` of `models`, else about.

    The models' own counters are not asked: theirs download a tokenizer each.
    """
    for model in models:
        if count := getattr(core_model(model), "custom_get_token_ids", None):
            return len(count(value if isinstance(value, str) else "\n".join(m.text for m in value)))
    messages = [HumanMessage(value)] if isinstance(value, str) else value
    return count_tokens_approximately(messages, tools=list(tools) if tools else None)


def _common(values: Sequence[Any]) -> Any:
    if all(isinstance(value, bool) for value in values):
        return all(values)
    if all(isinstance(value, int | float) for value in values):
        return min(values)
    return values[0] if all(value == values[0] for value in values) else None

"""Whether a model is set to think before it answers, known by its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .client import EXTRAS


def thinking(model: Any, *more: Mapping[str, Any]) -> tuple[bool, int]:
    """Whether a model is set to think before it answers, and within how many tokens (0: it does not say).

    Known by its settings: its own fields, what it keeps for its provider, and `more` arguments bound to it.
    """
    places: list[Any] = [model, *more, getattr(model, "_generation_config", None)]
    places += [extra for place in tuple(places) for name in EXTRAS if isinstance(extra := _get(place, name), Mapping)]
    budgets: list[int] = []
    for place in places:
        for name in _THOUGHTS:
            value = _get(place, name)
            budget = _budget(value) if name not in ("thinking_budget", "budget_tokens") else _number(value)
            if budget is not None:
                budgets.append(budget)
        template = _get(place, "chat_template_kwargs")
        if isinstance(template, Mapping) and (template.get("enable_thinking") or template.get("thinking")):
            budgets.append(0)
    return bool(budgets), max(budgets, default=0)


_THOUGHTS = (
    *("thinking", "thinking_dict", "thinking_config", "thinking_budget", "thinking_level", "include_thoughts"),
    *("reasoning", "reasoning_effort", "reasoning_options", "think", "effort"),
)
_OFF = frozenset({"none", "disabled", "off", "false", ""})


def _number(value: Any) -> int | None:
    """A budget in tokens: 0 is none at all, -1 leaves it to the model."""
    if isinstance(value, bool) or not isinstance(value, int) or value == 0:
        return None
    return max(value, 0)


def _budget(value: Any) -> int | None:
    """What a setting says: None that there is no thinking, else the budget, 0 if it names none."""
    if value is None or value is False:
        return None
    if isinstance(value, str):
        return None if value.lower() in _OFF else 0
    if value is True:
        return 0
    kind = _get(value, "type") or _get(value, "effort") or _get(value, "thinking_level")
    budget = next(
        (b for name in ("budget_tokens", "thinking_budget", "max_tokens") if (b := _get(value, name)) is not None), None
    )
    if (isinstance(kind, str) and kind.lower() in _OFF) or _get(value, "enabled") is False or budget == 0:
        return None
    if isinstance(value, Mapping) and not value:
        return None
    return _number(budget) or 0


def _get(place: Any, name: str) -> Any:
    return place.get(name) if isinstance(place, Mapping) else getattr(place, name, None)

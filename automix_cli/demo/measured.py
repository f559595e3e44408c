"""The first ledger: what the models really did, counted and timed over all questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from .events import Asked
from .grading import right
from .session import Answered

Tokens: TypeAlias = Mapping[str, int] | None
STEPS = ("draft", "verify", "answer")
WAYS = ("always_small", "always_large")


def measured(answered: Sequence[Answered], models: int) -> dict[str, Any]:
    """Actions, calls, tokens and seconds of the cascade, then the same questions asked of one model alone.

    Token sums are None as soon as one part was not reported. Seconds are those in which a model worked.
    """
    cascade = [one.asked for one in answered]
    usages = [asked.route.to_dict()["usage"] for asked in cascade]
    everything = [asked.meter.seconds() for asked in cascade]
    single = {
        name: alone([one.alone[model] for one in answered]) for name, model in zip(WAYS, (0, models - 1), strict=True)
    }
    return {
        "questions": len(answered),
        "actions": dict(Counter(asked.route.action for asked in cascade)),
        "calls": _table(cascade, models, lambda asked, step, model: asked.meter.calls(step, model)),
        "tokens": {
            "total": _sum([usage["total"] for usage in usages]),
            "by_step": {step: _sum([usage[step] for usage in usages]) for step in STEPS},
            "by_model": [_sum([usage["by_model"][model] for usage in usages]) for model in range(models)],
            "estimated": any(asked.route.usage_estimated for asked in cascade),
        },
        "seconds": {
            **_table(cascade, models, lambda asked, step, model: asked.meter.seconds(step, model)),
            "per_question": _mean(everything),
        },
        **single,
        "right": {
            "cascade": _right([one.right for one in answered]),
            **{name: way["right"] for name, way in single.items()},
            "of": sum(one.right is not None for one in answered),
            "wrong_kept": _decided(answered, "accept", False),
            "right_escalated": _decided(answered, "escalate", True),
        },
    }


def alone(runs: Sequence[Asked | None]) -> dict[str, Any]:
    """What one model took to answer alone; `failed` are the questions on which it broke, which nothing else counts."""
    worked = [run for run in runs if run is not None]
    return {
        "questions": len(worked),
        "failed": len(runs) - len(worked),
        "calls": sum(run.meter.calls() for run in worked),
        "tokens": _sum([run.route.to_dict()["usage"]["total"] for run in worked]),
        "seconds": sum(run.meter.seconds() for run in worked),
        "seconds_per_question": _mean([run.meter.seconds() for run in worked]),
        "right": _right([right(run.question, run.answer) for run in worked]),
    }


def models_of(answered: Sequence[Answered], step: str) -> list[int]:
    """The models that served a step of the cascade, in order."""
    return sorted({span.model for one in answered for span in one.asked.meter.spans if span.step == step})


def _table(asked: Sequence[Asked], models: int, of: Callable[[Asked, str | None, int | None], Any]) -> dict[str, Any]:
    return {
        "total": sum(of(one, None, None) for one in asked),
        "by_step": {step: sum(of(one, step, None) for one in asked) for step in STEPS},
        "by_model": [sum(of(one, None, model) for one in asked) for model in range(models)],
    }


def _decided(answered: Sequence[Answered], action: str, was_right: bool) -> int:
    """How many drafts met with `action` although they were wrong, or right."""
    asked = [one.asked for one in answered if one.asked.route.action == action and one.asked.meter.drafts]
    return sum(right(one.question, one.meter.drafts[-1].text) is was_right for one in asked)


def _right(known: Sequence[bool | None]) -> int | None:
    graded = [value for value in known if value is not None]
    return sum(graded) if graded else None


def _sum(parts: Sequence[Tokens]) -> Tokens:
    whole: Counter[str] = Counter({"input_tokens": 0, "output_tokens": 0, "total_tokens": 0})
    for part in parts:
        if part is None:
            return None
        whole.update(part)
    return dict(whole)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None

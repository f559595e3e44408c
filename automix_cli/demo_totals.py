"""What a run of the demo measured, summed over its questions, and the document that `--json` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from .demo_events import Asked

Tokens: TypeAlias = Mapping[str, int] | None
STEPS = ("draft", "verify", "answer")


def document(names: Sequence[str], answered: Sequence[Asked]) -> dict[str, Any]:
    """The whole run as one JSON-able document: models, questions with their routes, and what was measured."""
    return {
        "models": [{"model": number, "name": name} for number, name in enumerate(names)],
        "policy": answered[0].route.policy if answered else None,
        "questions": [_question(asked, len(names)) for asked in answered],
        "measured": measured(answered, len(names)),
    }


def measured(answered: Sequence[Asked], models: int) -> dict[str, Any]:
    """Actions, tokens and seconds of all questions together.

    Token sums are None as soon as one part was not reported. `large_alone` compares the last model's own answers, where
    it gave any, with the cascade's mean: seconds a question, in which models ran.
    """
    usages = [asked.route.usage for asked in answered]
    own = [asked.meter.seconds("answer", models - 1) for asked in answered if _answered_by(asked, models - 1)]
    everything = [asked.meter.seconds() for asked in answered]
    return {
        "questions": len(answered),
        "actions": dict(Counter(asked.route.action for asked in answered)),
        "tokens": {
            "total": _sum([usage["total"] for usage in usages]),
            "by_step": {step: _sum([usage[step] for usage in usages]) for step in STEPS},
            "by_model": [_sum([usage["by_model"][model] for usage in usages]) for model in range(models)],
            "estimated": any(asked.route.usage_estimated for asked in answered),
        },
        "seconds": {
            "total": sum(everything),
            "by_step": {step: sum(asked.meter.seconds(step) for asked in answered) for step in STEPS},
            "by_model": [sum(asked.meter.seconds(model=model) for asked in answered) for model in range(models)],
            "per_question": _mean(everything),
        },
        "large_alone": {"questions": len(own), "seconds_per_question": _mean(own)},
    }


def models_of(answered: Sequence[Asked], step: str) -> list[int]:
    """The models that served a step, in order."""
    return sorted({span.model for asked in answered for span in asked.meter.spans if span.step == step})


def _question(asked: Asked, models: int) -> dict[str, Any]:
    meter = asked.meter
    return {
        "id": asked.question.id,
        "question": asked.question.question,
        "kind": asked.question.kind,
        "answers": list(asked.question.answers),
        "passages": [{"title": passage.title, "text": passage.text} for passage in asked.passages],
        "drafts": [{"model": draft.model, "text": draft.text} for draft in meter.drafts],
        "checks": [
            {"model": check.model, "verdicts": list(check.verdicts), "texts": list(check.texts)}
            for check in meter.checks
        ],
        "answer": asked.answer,
        "seconds": {
            "total": asked.seconds,
            "by_step": {step: meter.seconds(step) for step in STEPS},
            "by_model": [meter.seconds(model=model) for model in range(models)],
        },
        "route": asked.route.to_dict(),
    }


def _answered_by(asked: Asked, model: int) -> bool:
    return any(span.step == "answer" and span.model == model for span in asked.meter.spans)


def _sum(parts: Sequence[Tokens]) -> Tokens:
    whole: Counter[str] = Counter({"input_tokens": 0, "output_tokens": 0, "total_tokens": 0})
    for part in parts:
        if part is None:
            return None
        whole.update(part)
    return dict(whole)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None

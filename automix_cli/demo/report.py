"""The document that `--json` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from automix_core.policies.explain import plain

from .advice import advice
from .events import Asked, Weighed
from .grading import right
from .measured import STEPS, measured
from .priced import priced
from .retrieval import shared
from .session import Answered


def document(
    names: Sequence[str],
    answered: Sequence[Answered],
    prices: Sequence[float] = (1.0, 50.0),
    compared: dict[str, Any] | None = None,
    interrupted: bool = False,
) -> dict[str, Any]:
    """The whole run as one JSON-able document: models, questions with their routes, and the two ledgers."""
    ledger = measured(answered, len(names))
    return {
        "bottom_line": advice(answered, names, prices).to_dict() if answered else None,
        "models": [{"model": number, "name": name} for number, name in enumerate(names)],
        "policy": answered[0].asked.route.policy if answered else None,
        "interrupted": interrupted,
        "questions": [_question(one, len(names)) for one in answered],
        "measured": ledger,
        "priced": priced(ledger, prices),
        "compare": compared,
    }


def _question(one: Answered, models: int) -> dict[str, Any]:
    asked, meter = one.asked, one.asked.meter
    return {
        "id": asked.question.id,
        "question": asked.question.question,
        "kind": asked.question.kind,
        "answers": list(asked.question.answers),
        "passages": [
            {
                "title": passage.title,
                "text": passage.text,
                "words": sorted({passage.text[a:b].lower() for a, b in shared(passage.text, asked.question.question)}),
            }
            for passage in asked.passages
        ],
        "drafts": [{"model": draft.model, "text": draft.text} for draft in meter.drafts],
        "checks": [
            {"model": check.model, "verdicts": list(check.verdicts), "texts": list(check.texts)}
            for check in meter.checks
        ],
        "decisions": [_decision(weighed) for weighed in one.weighed],
        "answer": asked.answer,
        "right": one.right,
        "calls": {step: meter.calls(step) for step in STEPS},
        "seconds": {
            "total": asked.seconds,
            "by_step": {step: meter.seconds(step) for step in STEPS},
            "by_model": [meter.seconds(model=model) for model in range(models)],
        },
        "route": asked.route.to_dict(),
        "alone": [_alone(model, run) for model, run in enumerate(one.alone)],
    }


def _decision(weighed: Weighed) -> dict[str, Any]:
    state, decision = weighed.state, weighed.decision
    return {
        "verdicts": [
            tally.to_dict() if held else None for held, tally in zip(state.drafted, state.tallies, strict=True)
        ],
        "signals": [state.signals_of(model) for model in range(len(state.drafted))],
        **plain(decision),
    }


def _alone(model: int, run: Asked | None) -> dict[str, Any]:
    if run is None:
        return {"model": model, "answer": None, "right": None, "tokens": None, "seconds": None}
    return {
        "model": model,
        "answer": run.answer,
        "right": right(run.question, run.answer),
        "tokens": run.route.usage["total"],
        "seconds": run.meter.seconds(),
    }

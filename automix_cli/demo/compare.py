"""Two policies on the same drafts, signals and verdicts: recorded as outcomes, replayed as `automix evaluate` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from automix_core.decision import Policy
from automix_core.errors import ConfigError
from automix_core.evidence import TEXTUAL
from automix_core.evidence.wanted import Wanted
from automix_core.outcomes.outcome import ModelOutcome, Outcome
from automix_core.outcomes.verdict_cost import VerdictCost
from automix_core.policies.loading import load_matching
from automix_core.policies.saving import PolicyFile
from automix_core.routing.price import Price
from automix_core.usage import Usage

from .events import Asked
from .grading import right
from .priced import cost_of
from .session import Answered

SHIPPED = Path(__file__).parent / "policies" / "embedded.json"
"""The policy fitted for the embedded pair."""


def fitted(path: Path | None) -> PolicyFile:
    """The policy at `path`, or the one that is shipped for the embedded pair.

    Raises `ConfigError` where none is shipped, `PolicyError` if the file can't be read or was made for another
    number of models than two.
    """
    if path is None and not SHIPPED.exists():
        raise ConfigError("--compare needs --policy FILE: no fitted policy comes with this installation.")
    return load_matching(path or SHIPPED, 2)


def borrowed(file: PolicyFile, names: Sequence[str]) -> str | None:
    """A sentence that says so where the shipped policy was fitted for other models than these."""
    if file.models is None or file.models == tuple(names):
        return None
    made = " and ".join(file.models)
    return f"The fitted policy was made for {made}; for these models it is no more than an example."


def signals_of(policies: Mapping[str, Policy]) -> Wanted:
    """What to find out about drafts, so that each of these policies can be replayed on them."""
    used = {name for policy in policies.values() for name in getattr(policy, "signal_names", ())}
    return sorted({*TEXTUAL, *used}) if len(policies) > 1 else "auto"


def compared(
    answered: Sequence[Answered], names: Sequence[str], prices: Sequence[float], policies: Mapping[str, Policy]
) -> dict[str, Any]:
    """What each policy, by its name here, does with what was recorded while another one decided.

    A question can be replayed if its draft was checked and both models answered; the others are `left_out`. Costs are
    those of the recorded tokens at `prices`, a verdict's being the mean of its draft's; None where tokens are unknown.
    """
    from automix_core.evaluation.replay import replay
    from automix_core.outcomes.columns import Columns

    recorded = [outcome for one in answered if (outcome := _outcome(one, names, prices)) is not None]
    counted = all(_counted(one) for one in answered)
    graded = bool(recorded) and all(one.right is not None for one in answered)
    found = []
    for name, policy in policies.items() if recorded else ():
        done = replay(policy, Columns.of(recorded))
        rows = zip(recorded, done.model.tolist(), done.used.sum(axis=1).tolist(), done.score, done.cost, strict=True)
        questions = [
            {
                "id": outcome.id,
                "model": model,
                "kept": model == 0,
                "verdicts": used,
                "right": bool(score) if graded else None,
                "cost": float(cost) if counted else None,
            }
            for outcome, model, used, score, cost in rows
        ]
        found.append(
            {
                "name": name,
                "policy": repr(policy),
                "kept": sum(question["kept"] for question in questions),
                "verdicts": sum(question["verdicts"] for question in questions),
                "right": sum(question["right"] for question in questions) if graded else None,
                "cost": sum(question["cost"] for question in questions) if counted else None,
                "questions": questions,
            }
        )
    ids = [outcome.id for outcome in recorded]
    left_out = [one.asked.question.id for one in answered if one.asked.question.id not in ids]
    return {"replayed": True, "prices": "example", "left_out": left_out, "policies": found}


def _outcome(one: Answered, names: Sequence[str], prices: Sequence[float]) -> Outcome | None:
    asked, alone, meter = one.asked, one.alone[-1], one.asked.meter
    if alone is None or not meter.drafts or not meter.checks or asked.route.errors:
        return None
    small, large = (Price(price, price) for price in prices)
    draft = meter.drafts[0].text
    verdicts = [None if verdict is None else bool(verdict) for check in meter.checks for verdict in check.verdicts]
    return Outcome(
        id=asked.question.id,
        models=(
            ModelOutcome(
                name=names[0],
                score=float(right(asked.question, draft) or 0),
                cost=cost_of(asked.route.usage["draft"], small) or 0.0,
                answer=draft,
                verdicts=tuple(verdicts),
                verdict_cost=_verdict_cost(asked, small, len(verdicts)),
                signals=dict(asked.route.signals),
            ),
            ModelOutcome(
                name=names[-1],
                score=float(right(asked.question, alone.answer) or 0),
                cost=cost_of(alone.route.usage["total"], large) or 0.0,
                answer=alone.answer,
            ),
        ),
    )


def _verdict_cost(asked: Asked, price: Price, drawn: int) -> VerdictCost:
    """A prompt is read once a request: once for all verdicts where they are choices of one, else once for each."""
    usage, calls = asked.route.usage["verify"], asked.meter.calls("verify")
    if usage is None or not drawn:
        return VerdictCost()
    if calls > 1:
        return VerdictCost(each=(cost_of(usage, price) or 0.0) / drawn)
    read = price.of(Usage(usage["input_tokens"], 0))
    return VerdictCost(first=read, again=read, each=price.of(Usage(0, usage["output_tokens"])) / drawn)


def _counted(one: Answered) -> bool:
    runs = (one.asked, *one.alone[-1:])
    return all(run is None or run.route.usage["total"] is not None for run in runs)

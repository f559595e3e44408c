"""A policy as a table that a person can read: what it does after every tally of verdicts, and why.

The words are those of the decisions themselves, so a route's `reason` says the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..decision import Accept, Action, Decision, Draft, Finish, Policy, State, Tally, Verify
from . import POMDP, Always, Curtailed, Mixture
from .expected import visits
from .problem import Count, ObservationModel

_K = 8


@dataclass(frozen=True, slots=True)
class Row:
    """What a policy does after one history.

    `share` is the share of calls that the policy is used for, `tallies` what the checks of each held draft said, None
    where no draft is held, `reached` the expected share of questions that get here, None where that is unknown.
    """

    policy: str
    share: float
    tallies: tuple[Tally | None, ...]
    decision: Decision
    reached: float | None

    @property
    def seen(self) -> int:
        """Verdicts seen on the latest draft."""
        return 0 if self.latest is None else self.latest.drawn

    @property
    def latest(self) -> Tally | None:
        """What the checks of the latest draft said."""
        return next((tally for tally in reversed(self.tallies) if tally is not None), None)

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON has it."""
        return {
            "policy": self.policy,
            "share": self.share,
            "verdicts": [None if tally is None else tally.to_dict() for tally in self.tallies],
            **plain(self.decision),
            "reached": self.reached,
        }


def label(action: Action) -> str:
    """An action in a few words, for JSON and for people; nothing reads it back."""
    match action:
        case Accept(model):
            return f"accept {model}"
        case Finish(model):
            return f"finish {model}"
        case Draft(model):
            return f"draft {model}"
        case Verify(model, n):
            return f"verify {model}, {n} more"


def plain(decision: Decision) -> dict[str, Any]:
    """A decision as JSON has it: its action and those that its values tell of by their labels."""
    values = dict(decision.values)
    if "expected" in values:
        values["expected"] = {label(action): value for action, value in values["expected"].items()}
    return {"action": label(decision.action), "reason": decision.reason, "values": values}


def best_of_each(expected: Mapping[Action, float]) -> list[tuple[Action, float]]:
    """The actions and what is expected of them, the best first; of several numbers of verdicts only the best one."""
    ranked = sorted(expected.items(), key=lambda item: -item[1])
    more = [action for action, _ in ranked if isinstance(action, Verify)]
    return [(action, value) for action, value in ranked if action not in more[1:]]


def explain(policy: Policy, *, models: int = 2, k: int | None = None, every: bool = False) -> list[Row]:
    """The rows of `policy`'s table, fewer verdicts first.

    A POMDP is explained for the cascade and the number of checks it was made for; of the later drafts of three models
    and more only what can be reached, unless `every` is asked for. Other policies are shown for `models` models and
    `k` verdicts (8 by default), with unreadable ones left out. A curtailed policy is explained as what it decides.
    """
    if isinstance(policy, Mixture):
        rows = [(policy.first, policy.weight), (policy.second, 1 - policy.weight)]
        return [_part(row, share) for p, share in rows for row in explain(p, models=models, k=k, every=every)]
    if isinstance(policy, Curtailed):
        return explain(policy.policy, models=models, k=k, every=every)
    if isinstance(policy, POMDP):
        return _pomdp(policy, every)
    return _rule(policy, models, k or _K)


def _part(row: Row, share: float) -> Row:
    return Row(row.policy, row.share * share, row.tallies, row.decision, row.reached)


def _pomdp(policy: POMDP, every: bool) -> list[Row]:
    models = policy.problem.observations
    reached = {(v.state.drafted, v.state.tallies): v.probability for v in visits(policy, policy.problem)}
    rows = []
    for history in policy.nodes:
        drafted = tuple(count is not None for count in history)
        tallies = tuple(_tally(count, model) for count, model in zip(history, models, strict=True))
        available = tuple(_left(count, model) for count, model in zip(history, models, strict=True))
        share = reached.get((drafted, tallies), 0.0)
        if every or share > 0 or sum(drafted) < 2:
            held = tuple(tally if is_held else None for is_held, tally in zip(drafted, tallies, strict=True))
            rows.append(Row(repr(policy), 1.0, held, policy.decide(State(drafted, tallies, available)), share))
    return rows


def _tally(count: Count | None, model: ObservationModel | None) -> Tally:
    if count is None or model is None:
        return Tally()
    return Tally(probability=count[0] / model.k) if model.direct and any(count) else Tally(*count)


def _left(count: Count | None, model: ObservationModel | None) -> int:
    return 0 if model is None else model.k - sum(count or (0, 0, 0))


def _rule(policy: Policy, models: int, k: int) -> list[Row]:
    """The table of a rule on the first draft: its start, then every count of the k verdicts."""
    start = State.start(models, k)
    rows = [Row(repr(policy), 1.0, (None,) * models, policy.decide(start), None)]
    if isinstance(policy, Always):
        return rows
    rest = (Tally(),) * (models - 1)
    drafted = (True, *(False,) * (models - 1))
    counts: Sequence[tuple[Tally, int]] = [
        (Tally(), k),
        *((Tally(c, k - c), 0) for c in range(k, -1, -1)),
        (Tally(0, 0, k), 0),
    ]
    for tally, left in counts:
        state = State(drafted, (tally, *rest), (left, *(k,) * (models - 1)))
        rows.append(Row(repr(policy), 1.0, (tally, *(None,) * (models - 1)), policy.decide(state), None))
    return rows

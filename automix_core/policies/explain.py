"""A policy as a table that a person can read: what it does after every tally of verdicts, and why.

The words are those of the decisions themselves, so a route's `reason` says the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..decision import (
    Accept,
    Action,
    Decision,
    Draft,
    Finish,
    Measure,
    Policy,
    Signals,
    State,
    Tally,
    Verify,
    sorted_signals,
)
from . import POMDP, Always, Curtailed, Mixture, Skipping
from .expected import visits
from .nodes import History
from .pomdp import span
from .problem import FREE, UNSEEN, ObservationModel, Problem, Seen
from .timed import untimed

_K = 8


@dataclass(frozen=True, slots=True)
class Row:
    """What a policy does after one history.

    `share` is the share of calls that the policy is used for, `tallies` what the checks of each held draft said, None
    where no draft is held, `reached` the expected share of questions that get here, None where that is unknown;
    `signals` stand for what is known of each draft beside: of each bin a number that lies in it, and `known` says the
    bins in words.
    """

    policy: str
    share: float
    tallies: tuple[Tally | None, ...]
    decision: Decision
    reached: float | None
    signals: tuple[Signals, ...] = ()
    known: tuple[str, ...] = ()

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
            "signals": [dict(known) for known in self.signals] or [{} for _ in self.tallies],
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
        case Measure(model, name):
            return f"measure {model}, {name}"


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
    `k` verdicts (8 by default), with unreadable ones left out. A curtailed policy is explained as what it decides, one
    that skips drafts by when it does and what it does else.
    """
    policy = untimed(policy)
    if isinstance(policy, Mixture):
        rows = [(policy.first, policy.weight), (policy.second, 1 - policy.weight)]
        return [_part(row, share) for p, share in rows for row in explain(p, models=models, k=k, every=every)]
    if isinstance(policy, Skipping):
        return [_skip(policy, models), *explain(policy.policy, models=models, k=k, every=every)]
    if isinstance(policy, Curtailed):
        return explain(policy.policy, models=models, k=k, every=every)
    if isinstance(policy, POMDP):
        return _pomdp(policy, every)
    return _rule(policy, models, k or _K)


def _part(row: Row, share: float) -> Row:
    return replace(row, share=row.share * share)


def _skip(policy: Skipping, models: int) -> Row:
    """When no draft is made."""
    before = f"where {', '.join(policy.wasted.names)} make it {policy.at_least:g} or more that one would be wasted"
    decision = Decision(Finish(policy.model), f"Skipped {before}.", {"before": before})
    return Row(repr(policy), 1.0, (None,) * models, decision, None)


def _pomdp(policy: POMDP, every: bool) -> list[Row]:
    problem = policy.problem
    reached = {(v.state.drafted, v.state.tallies, v.state.signals): v.probability for v in visits(policy, problem)}
    rows = []
    for history in policy.nodes:
        state = _state(history, problem)
        share = reached.get((state.drafted, state.tallies, state.signals), 0.0)
        if every or share > 0 or sum(state.drafted) < 2:
            held = tuple(t if is_held else None for is_held, t in zip(state.drafted, state.tallies, strict=True))
            rows.append(
                Row(repr(policy), 1.0, held, policy.decide(state), share, state.signals, _words(history, problem))
            )
    return rows


def _words(history: History, problem: Problem) -> tuple[str, ...]:
    """What is known of each draft beside its verdicts, in words; empty where nothing is."""
    return tuple(
        ", ".join(span(s, place) for s, place in zip(models, (seen or ())[3:], strict=False) if place != UNSEEN)
        for seen, models in zip(history, problem.signals, strict=True)
    )


def _state(history: History, problem: Problem) -> State:
    """A state in which the policy's history is `history`: of each bin a number that lies in it."""
    signals, left = [], []
    for seen, models in zip(history, problem.signals, strict=True):
        places = (seen or ())[3:] or (UNSEEN,) * len(models)
        known = {s.name: s.value(place) for s, place in zip(models, places, strict=True) if place != UNSEEN}
        signals.append(sorted_signals(known))
        left.append(tuple(s.name for s in models if s.name != FREE and s.name not in known))
    state = State(
        tuple(seen is not None for seen in history),
        tuple(_tally(seen, model) for seen, model in zip(history, problem.observations, strict=True)),
        tuple(_left(seen, model) for seen, model in zip(history, problem.observations, strict=True)),
    )
    return replace(state, signals=tuple(signals) if any(signals) else (), purchasable=tuple(left))


def _tally(count: Seen | None, model: ObservationModel | None) -> Tally:
    if count is None or model is None:
        return Tally()
    said = count[:3]
    return Tally(probability=model.confidence(said[0])) if model.direct and any(said) else Tally(*said)


def _left(count: Seen | None, model: ObservationModel | None) -> int:
    return 0 if model is None else model.k - sum((count or (0, 0, 0))[:3])


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

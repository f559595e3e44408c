"""The exact POMDP policy: a look-up table from what the checks said to the best action.

`solver.solve` makes it from a `Problem`. Deciding and loading need no numpy: a decision is one look-up, put into words
when it is first met.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from ..decision import Accept, Action, Decision, Draft, Finish, Measure, State, Tally, Verify
from ..errors import ConfigError, PolicyError
from .nodes import FORM, History, Nodes, Ranked
from .problem import FREE, UNSEEN, Count, ObservationModel, Problem, Seen, SignalModel
from .threshold import said

_Key: TypeAlias = tuple[tuple[bool, ...], tuple[Tally, ...], tuple[Seen, ...]]
"""Drafts held, what their checks said, and the bins of their signals."""


@dataclass(frozen=True, slots=True, repr=False)
class POMDP:
    """The best action for every history in `nodes`, by expected reward; what is paid is sunk (paper, section 3.3).

    A decision's `values` hold the expected reward of each action, the belief over the problem's hidden states, each
    model's expected score and, once a draft is held, the `evidence` that the latest one is right. Where verdicts are
    short or a signal can't be had the best feasible action is taken. A direct confidence counts as its step, a tally of
    more than k checks is scaled to k, a signal that is missing says nothing, and a history outside the table is decided
    without further checks. Only the latest draft is checked; any draft held may be accepted, but not one whose checks
    gave no readable verdict.

    `fixed` says that it was solved so. `decide` raises `PolicyError` when the cascade has another number of models.
    """

    problem: Problem
    nodes: Nodes = field(hash=False, metadata={"form": FORM})
    fixed: bool = False
    _likelihoods: tuple[dict[Count, tuple[float, ...]], ...] = field(init=False, compare=False)
    _decisions: dict[_Key, Decision] = field(init=False, compare=False)
    _signals: bool = field(init=False, compare=False)
    query_signal_names: ClassVar[tuple[str, ...]] = ()
    """It does not look at the query."""

    def __post_init__(self) -> None:
        for history, ranked in self.nodes.items():
            models = {action.model for action, _ in ranked}
            if len(history) != self.problem.models or not ranked or not models <= set(range(self.problem.models)):
                raise ConfigError(f"The policy's node {history} is not one of its {self.problem.models} models.")
        likelihoods = tuple(o.table() if o else {} for o in self.problem.observations)
        object.__setattr__(self, "_likelihoods", likelihoods)
        object.__setattr__(self, "_decisions", {})
        object.__setattr__(self, "_signals", any(self.problem.signals))

    def __repr__(self) -> str:
        return f"POMDP(models={self.problem.models}, cost_weight={self.problem.cost_weight:.4g})"

    def decide(self, state: State) -> Decision:
        """The best feasible action in `state`."""
        seen = self._bins(state) if self._signals and state.signals else ()
        found = self._decisions.get((state.drafted, state.tallies, seen)) or self._look_up(state, seen)
        if found is not None and _feasible(found.action, state, self.problem):
            return found
        return self._beside_the_table(state)

    def sees(self, state: State) -> Hashable:
        """All of `state` that it looks at: of signals the bins."""
        seen = self._bins(state) if self._signals and state.signals else ()
        return state.drafted, state.tallies, state.available, state.purchasable, seen

    def _bins(self, state: State) -> tuple[Seen, ...]:
        """The bins of each held draft's signals."""
        return tuple(
            _places(models, state.signals_of(m)) if held else ()
            for m, (held, models) in enumerate(zip(state.drafted, self.problem.signals, strict=True))
        )

    def missing(self, model: int, signals: Mapping[str, float]) -> tuple[str, ...]:
        """The names of signals that the policy was fitted with and that a draft of `model` lacks."""
        free = next((s.evidence for s in self.problem.signals[model] if s.evidence is not None), None)
        return () if free is None or FREE in signals else free.missing(signals)

    @property
    def signal_names(self) -> tuple[str, ...]:
        """The free signals that the policy uses, sorted."""
        used = (s.evidence.names for some in self.problem.signals for s in some if s.evidence is not None)
        return tuple(sorted({name for names in used for name in names}))

    @property
    def measures(self) -> tuple[str, ...]:
        """The paid signals that the policy may ask for, sorted."""
        return tuple(sorted({s.name for some in self.problem.signals for s in some if s.name != FREE}))

    def checked(self) -> POMDP:
        """Itself. Raises `ConfigError` if the table can't be followed, which may be so of one that no solver made."""
        if (None,) * self.problem.models not in self.nodes:
            raise ConfigError("The policy has no node for the start, where nothing is drafted.")
        for history, ranked in self.nodes.items():
            follows = (_can(action, history, self.problem) for action, _ in ranked)
            if not _can_be(history, self.problem) or not all(follows):
                raise ConfigError(f"The policy's node {history} holds an action that is impossible there.")
        return self

    def check_models(self, models: int) -> None:
        """Raise `PolicyError` unless it was solved for a cascade of `models`."""
        if models != self.problem.models:
            raise PolicyError(
                f"This policy was made for {self.problem.models} models, the cascade has {models}: give the cascade "
                "those models, or collect and fit again."
            )

    def belief(self, history: History) -> tuple[float, ...]:
        """The probability of each hidden state after `history`. What no state predicts says nothing."""
        weights = tuple(self.problem.prior)
        for table, models, seen in zip(self._likelihoods, self.problem.signals, history, strict=True):
            if seen is None:
                continue
            said = table.get((seen[0], seen[1], seen[2]))
            for likelihood in (said, *(s.of(place) for s, place in zip(models, seen[3:], strict=False))):
                updated = tuple(w * p for w, p in zip(weights, likelihood or (), strict=False))
                weights = updated if math.fsum(updated) > 0 else weights
        whole = math.fsum(weights)
        return tuple(w / whole for w in weights)

    def history(self, state: State) -> History:
        """`state` in the terms of the table."""
        self.check_models(len(state.drafted))
        return tuple(
            (*_count(tally, self.problem.observations[m]), *_places(self.problem.signals[m], state.signals_of(m)))
            if held
            else None
            for m, (held, tally) in enumerate(zip(state.drafted, state.tallies, strict=True))
        )

    def _look_up(self, state: State, seen: tuple[Seen, ...]) -> Decision | None:
        """The decision for exactly these tallies, made when it is first needed; None if the table has none."""
        history = self.history(state)
        ranked = self.nodes.get(history)
        counted = tuple(Tally() if count is None else Tally(*count[:3]) for count in history)
        if ranked is None or counted != state.tallies:
            return None
        decision = self._decision(state, history, ranked)
        self._decisions[state.drafted, state.tallies, seen] = decision
        return decision

    def _decision(self, state: State, history: History, ranked: Ranked, because: str = "") -> Decision:
        belief = self.belief(history)
        scores = [
            math.fsum(b * row[m] for b, row in zip(belief, self.problem.scores, strict=True))
            for m in range(self.problem.models)
        ]
        latest = state.latest
        words = "Nothing is known yet" if latest is None else self._known(state, latest, history)
        worth = [_worth(action, value, scores, self.problem) for action, value in _contrast(ranked)]
        reason = because + f"{words[0].upper()}{words[1:]}: {'; '.join(worth)}."
        return Decision(
            ranked[0][0],
            reason,
            {
                "expected": dict(ranked),
                "belief": dict(zip(self.problem.states, belief, strict=True)),
                "scores": scores,
                **({} if latest is None else {"evidence": scores[latest]}),
            },
        )

    def _known(self, state: State, model: int, history: History) -> str:
        """What is known about the latest draft, in words."""
        words = [said(state, model)] if state.tallies[model] != Tally() or not self.problem.signals[model] else []
        for signal, place in zip(self.problem.signals[model], (history[model] or ())[3:], strict=True):
            if place != UNSEEN:
                words.append(span(signal, place))
            elif signal.name == FREE:
                words.append("no evidence from its words or tokens")
        return ", ".join(words) or said(state, model)

    def _beside_the_table(self, state: State) -> Decision:
        """The best action that `state` leaves; without an entry in the table, the best that needs no more checks."""
        history = self.history(state)
        known = self.nodes.get(history, ())
        ranked = tuple((action, value) for action, value in known if _feasible(action, state, self.problem))
        if ranked:
            return self._decision(state, history, ranked)
        belief, problem, latest = self.belief(history), self.problem, state.latest
        options: list[tuple[Action, float]] = []
        for m in range(problem.models):
            action: Action = Accept(m) if state.drafted[m] else Finish(m)
            if _feasible(action, state, problem) and (state.drafted[m] or latest is None or m > latest):
                score = math.fsum(b * row[m] for b, row in zip(belief, problem.scores, strict=True))
                options.append((action, score - (0.0 if state.drafted[m] else problem.price(m))))
        ranked = tuple(sorted(options, key=lambda option: -option[1]))
        return self._decision(state, history, ranked, "Outside the policy's table, decided without more checks. ")


def _can_be(history: History, problem: Problem) -> bool:
    """Whether the tallies are such as the problem's checks can give."""
    for m, seen in enumerate(history):
        if seen is None:
            continue
        signals = problem.signals[m]
        if min(seen[:3]) < 0 or sum(seen[:3]) > problem.checks(m) or len(seen) != 3 + len(signals):
            return False
        if not all(UNSEEN <= place < signal.bins for place, signal in zip(seen[3:], signals, strict=True)):
            return False
    return True


def _can(action: Action, history: History, problem: Problem) -> bool:
    """Whether `action` is possible after `history`."""
    count, model = history[action.model], problem.observations[action.model]
    match action:
        case Draft():
            return count is None
        case Accept():
            return count is not None
        case Verify():
            return count is not None and model is not None and 1 <= action.n <= model.k - sum(count[:3])
        case Measure():
            names = [s.name for s in problem.signals[action.model]]
            return count is not None and action.name in names[names[:1] == [FREE] :]
        case Finish():
            return True


def span(signal: SignalModel, place: int) -> str:
    """A bin in words."""
    low = f"{signal.edges[place - 1]:.2f} or more" if place else ""
    high = f"below {signal.edges[place]:.2f}" if place < len(signal.edges) else ""
    both = f"{signal.edges[place - 1]:.2f} to {signal.edges[place]:.2f}" if low and high else low or high or "known"
    return f"{signal.name} {both}"


def _places(models: Sequence[SignalModel], signals: Mapping[str, float]) -> Seen:
    return tuple(model.place(signals) for model in models)


def _count(tally: Tally, model: ObservationModel | None) -> Count:
    """`tally` as the observation model knows it: at most k checks, unreadable ones only if they are an outcome."""
    if model is None:
        return 0, 0, 0
    k = model.k
    confidence = tally.confidence if model.direct else tally.probability
    if confidence is not None:
        correct = model.step(confidence) if model.direct else int(confidence * k + 0.5)
        return correct, k - correct, 0
    if model.direct:
        return 0, 0, 0
    correct, incorrect, unreadable = tally.correct, tally.incorrect, tally.unreadable if model.reads else 0
    drawn = correct + incorrect + unreadable
    if drawn <= k:
        return correct, incorrect, unreadable
    unreadable = int(unreadable * k / drawn + 0.5)
    readable = k - unreadable
    correct = int(correct * readable / ((correct + incorrect) or 1) + 0.5)
    return correct, readable - correct, unreadable


def _feasible(action: Action, state: State, problem: Problem) -> bool:
    match action:
        case Verify(model, n):
            return state.drafted[model] and state.available[model] >= n
        case Measure(model, name):
            return state.drafted[model] and name in state.purchasable_of(model)
        case Draft(model):
            return not state.drafted[model] and (state.available[model] > 0 or bool(problem.signals[model]))
        case Finish(model):
            return not state.drafted[model]
        case Accept(model):
            tally = state.tallies[model]
            mute = tally.confidence is None and tally.drawn + tally.failed > 0
            return state.drafted[model] and (not mute or model == len(state.drafted) - 1)


def _contrast(ranked: Ranked) -> Sequence[tuple[Action, float]]:
    """The best action and the best of another kind (two batch sizes are one kind)."""
    best = ranked[0]
    others = (other for other in ranked[1:] if not isinstance(other[0], Verify))
    rival = next(others, None)
    return (best,) if rival is None else (best, rival)


def _worth(action: Action, value: float, scores: Sequence[float], problem: Problem) -> str:
    match action:
        case Accept(model):
            return f"the draft of model {model} is worth {value:.3f}"
        case Verify(_, n):
            return f"{n} more verdict{'s are' if n > 1 else ' is'} worth {value:.3f}, the price included"
        case Measure(_, name):
            return f"{name} is worth {value:.3f}, the price included"
        case Draft(model):
            return f"a draft of model {model} that can be checked is worth {value:.3f}"
        case Finish(model):
            return (
                f"the answer of model {model} is worth {value:.3f}, "
                f"a score of {scores[model]:.3f} less {problem.price(model):.3f} for its cost"
            )

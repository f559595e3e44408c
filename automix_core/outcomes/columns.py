"""Outcomes as arrays: what fitting and evaluation compute on (numpy)."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, DataError
from .outcome import ModelOutcome, Outcome, coin

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

UNREADABLE, MISSING = -1, -2


@dataclass(frozen=True, eq=False)
class Columns:
    """n outcomes of N models, arrays by row, then model.

    `verdicts` [n, N, K] holds 1, 0, `UNREADABLE` or, past the recorded ones, `MISSING`; `probability` [n, N] is NaN
    where no direct confidence stands for them; `verdict_cost` [n, N, 4] are first, again, each, round. `empty` marks
    answers that are rejected unverified, `free` rows scored against the largest model's answer. `signals` holds each
    signal's values [n, N], NaN where it is missing, `signal_cost` what those that are paid for cost,
    `query_signals` those of the query [n]. `seconds` are how long the answers took and `verdict_seconds` a round of
    checks, `tokens` those of the answers, all [n, N], NaN where they were not recorded and None where none was.

    `baseline` [n, N] is how well a draft's own words speak for it, where that was computed.

    `of` raises `DataError` without a row.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    scores: Floats
    costs: Floats
    verdicts: NDArray[np.int8]
    probability: Floats
    verdict_cost: Floats
    empty: NDArray[np.bool_]
    free: NDArray[np.bool_]
    signals: Mapping[str, Floats] = field(default_factory=dict)
    signal_cost: Mapping[str, Floats] = field(default_factory=dict)
    query_signals: Mapping[str, Floats] = field(default_factory=dict)
    seconds: Floats | None = None
    verdict_seconds: Floats | None = None
    tokens: Floats | None = None
    baseline: Floats | None = None

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Columns:
        """The columns of `outcomes`. Raises `DataError` if there are none or unlike ones, `ConfigError` for a path."""
        if isinstance(outcomes, str | os.PathLike):
            raise ConfigError(f"Outcomes are wanted, not their path: give read_outcomes({os.fspath(outcomes)!r}).")
        if not outcomes:
            raise DataError("There are no outcomes: the file is empty, or holds scores only.")
        names = tuple(model.name for model in outcomes[0].models)
        for outcome in outcomes:
            if len(outcome.models) != len(names):
                raise DataError(f"Outcome {outcome.id!r} has {len(outcome.models)} models, the first has {len(names)}.")
        n, width = len(outcomes), max(len(model.verdicts) for outcome in outcomes for model in outcome.models)
        verdicts = np.full((n, len(names), width), MISSING, dtype=np.int8)
        for row, outcome in enumerate(outcomes):
            for m, model in enumerate(outcome.models):
                if model.verdicts:
                    said = [UNREADABLE if v is None else int(v) for v in model.verdicts]
                    verdicts[row, m, : len(said)] = said
        direct = [
            [np.nan if m.probability is None or m.verdicts else m.probability for m in o.models] for o in outcomes
        ]
        prices = [[(c.first, c.again, c.each, c.round) for c in (m.verdict_cost for m in o.models)] for o in outcomes]
        return cls(
            ids=tuple(outcome.id for outcome in outcomes),
            names=names,
            scores=np.array([[m.score for m in o.models] for o in outcomes], dtype=np.float64),
            costs=np.array([[m.cost for m in o.models] for o in outcomes], dtype=np.float64),
            verdicts=verdicts,
            probability=np.array(direct, dtype=np.float64),
            verdict_cost=np.array(prices, dtype=np.float64),
            empty=np.array([[_unfit(m) for m in o.models] for o in outcomes]),
            free=np.array([o.reference == "largest" for o in outcomes]),
            signals=_by_name([[m.signals for m in o.models] for o in outcomes], np.nan),
            signal_cost=_by_name([[m.signal_cost for m in o.models] for o in outcomes], 0.0),
            query_signals={n: v[:, 0] for n, v in _by_name([[o.query_signals] for o in outcomes], np.nan).items()},
            seconds=_known([[m.seconds for m in o.models] for o in outcomes]),
            verdict_seconds=_known([[m.verdict_seconds for m in o.models] for o in outcomes]),
            tokens=_known([[_tokens(m) for m in o.models] for o in outcomes]),
        )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def models(self) -> int:
        """The number of models."""
        return len(self.names)

    @cached_property
    def recorded(self) -> Ints:
        """How many verdicts are recorded, [n, N]; a direct confidence counts as one."""
        return np.where(np.isnan(self.probability), (self.verdicts != MISSING).sum(axis=2), 1)

    @property
    def baselines(self) -> Floats:
        """`baseline`, NaN on all rows where none is known."""
        return np.full(self.scores.shape, np.nan) if self.baseline is None else self.baseline

    @cached_property
    def said(self) -> NDArray[np.int16]:
        """Correct, incorrect and unreadable verdicts among the first m, [n, N, K + 1, 3]."""
        kinds = np.stack([self.verdicts == 1, self.verdicts == 0, self.verdicts == UNREADABLE], axis=3)
        counts = np.zeros((*self.recorded.shape, self.verdicts.shape[2] + 1, 3), dtype=np.int16)
        np.cumsum(kinds, axis=2, out=counts[:, :, 1:], dtype=np.int16)
        return counts

    @cached_property
    def tallies(self) -> Ints:
        """Correct, incorrect and unreadable verdicts among all recorded, [n, N, 3]."""
        kinds = [(self.verdicts == kind).sum(axis=2, dtype=np.int64) for kind in (1, 0, UNREADABLE)]
        return np.stack(kinds, axis=2)

    @cached_property
    def coins(self) -> Floats:
        """The coin of each row in a replay."""
        return np.array([coin(name) for name in self.ids])

    def rows(self, which: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Columns:
        """Some of the rows."""
        ids = np.array(self.ids, dtype=object)[which]
        return Columns(
            ids=tuple(ids),
            names=self.names,
            scores=self.scores[which],
            costs=self.costs[which],
            verdicts=self.verdicts[which],
            probability=self.probability[which],
            verdict_cost=self.verdict_cost[which],
            empty=self.empty[which],
            free=self.free[which],
            signals={name: values[which] for name, values in self.signals.items()},
            signal_cost={name: costs[which] for name, costs in self.signal_cost.items()},
            query_signals={name: values[which] for name, values in self.query_signals.items()},
            **{name: None if (found := getattr(self, name)) is None else found[which] for name in _TIMES},
        )

    def first(self, k: int) -> Columns:
        """The same outcomes as if `k` verdicts a draft had been recorded, the first ones."""
        return self if self.verdicts.shape[2] <= k else replace(self, verdicts=self.verdicts[:, :, :k])

    def limited(self, names: Collection[str]) -> Columns:
        """The same with these signals only. Raises `ConfigError` for one that no outcome has."""
        for name in names:
            if name not in self.signals and name not in self.query_signals:
                known = [*self.signals, *self.query_signals]
                has = f"they have {', '.join(known)}" if known else "they have none"
                raise ConfigError(f"No outcome has a signal called {name!r}; {has}.")
        return replace(
            self,
            signals={name: v for name, v in self.signals.items() if name in names},
            signal_cost={name: v for name, v in self.signal_cost.items() if name in names},
            query_signals={name: v for name, v in self.query_signals.items() if name in names},
        )

    def known(self, model: int, *, paid: bool = False) -> dict[str, Floats]:
        """The signals of one model's drafts that are known of some; free ones, or those that are paid for."""
        return {
            name: values[:, model]
            for name, values in self.signals.items()
            if (name in self.signal_cost) == paid and not np.isnan(values[:, model]).all()
        }


_TIMES = ("seconds", "verdict_seconds", "tokens", "baseline")
"""What may be known of no row."""


def joined(parts: Sequence[Columns]) -> Columns:
    """The rows of all parts, which are of the same models."""
    if len(parts) == 1:
        return parts[0]
    width = max(part.verdicts.shape[2] for part in parts)
    verdicts = np.full((sum(map(len, parts)), parts[0].models, width), MISSING, dtype=np.int8)
    start = 0
    for part in parts:
        verdicts[start : start + len(part), :, : part.verdicts.shape[2]] = part.verdicts
        start += len(part)

    def all_of(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    def perhaps(name: str) -> Floats | None:
        found = [getattr(part, name) for part in parts]
        if all(values is None for values in found):
            return None
        return np.concatenate([_or(v, part, name, np.nan) for v, part in zip(found, parts, strict=True)])

    def named(field: str, missing: float) -> dict[str, Floats]:
        names = sorted({name for part in parts for name in getattr(part, field)})
        return {name: np.concatenate([_or(getattr(p, field).get(name), p, field, missing) for p in parts])
                for name in names}  # fmt: skip

    return Columns(
        ids=tuple(name for part in parts for name in part.ids),
        names=parts[0].names,
        verdicts=verdicts,
        signals=named("signals", np.nan),
        signal_cost=named("signal_cost", 0.0),
        query_signals=named("query_signals", np.nan),
        scores=all_of("scores"),
        costs=all_of("costs"),
        probability=all_of("probability"),
        verdict_cost=all_of("verdict_cost"),
        empty=all_of("empty"),
        free=all_of("free"),
        **{name: perhaps(name) for name in _TIMES},
    )


def _or(values: Floats | None, part: Columns, field: str, missing: float) -> Floats:
    """The values, or as many that are missing."""
    if values is not None:
        return values
    return np.full(len(part) if field == "query_signals" else (len(part), part.models), missing)


def _known(rows: Sequence[Sequence[float | None]]) -> Floats | None:
    """Numbers by row, then model, NaN where one is missing; None if all are."""
    found = np.array([[np.nan if number is None else number for number in row] for row in rows], dtype=float)
    return None if np.isnan(found).all() else found


def _tokens(model: ModelOutcome) -> float | None:
    return None if model.usage is None else model.usage.input_tokens + model.usage.output_tokens


def _by_name(rows: Sequence[Sequence[Mapping[str, float]]], missing: float) -> dict[str, Floats]:
    """Mappings by row, then model, as an array for each name."""
    names = sorted({name for row in rows for each in row for name in each})
    return {name: np.array([[each.get(name, missing) for each in row] for row in rows], dtype=float) for name in names}


def _unfit(model: ModelOutcome) -> bool:
    """Whether a draft is rejected unverified: it is empty, was cut off or filtered."""
    return bool(model.problem) or (model.answer is not None and not model.answer.strip())

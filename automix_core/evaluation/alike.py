"""Which recorded numbers a policy can't tell apart: rows that differ in nothing else go through a replay together.

A threshold sees only on which side of it a confidence lies, an exact policy only its bins. A policy that is not known
here is shown every row's own numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..decision import Policy, Signals, sorted_signals
from ..evidence.arrays import evidence_of
from ..outcomes.columns import Columns, Floats, Ints
from ..policies import POMDP, Always, Band, Curtailed, EvidenceThreshold, Threshold
from ..policies.problem import FREE


@dataclass(frozen=True, slots=True)
class Parts:
    """Kinds that rows are of: `kind` of each row, and for each kind what the policy is shown."""

    kind: Ints
    shown: tuple[Signals, ...]


def free_signals(policy: Policy, columns: Columns, m: int) -> Parts:
    """What `policy` is shown when model m has drafted."""
    inner = policy.policy if isinstance(policy, Curtailed) else policy
    n, known = len(columns), columns.known(m)
    match inner:
        case Always() | Band() | Threshold():
            return Parts(np.zeros(n, dtype=np.int64), ((),))
        case EvidenceThreshold():
            values = evidence_of(inner.evidence, known, n)
            values = np.where(np.isnan(known.get(FREE, np.full(n, np.nan))), values, known.get(FREE, values))
            unsure = values[(values >= inner.low) & (values < inner.keep)]  # verdicts add to each one's own
            return _evidence(values, np.unique([*unsure, inner.low, inner.keep]).tolist())
        case POMDP():
            free = (
                next((s for s in inner.problem.signals[m] if s.name == FREE), None)
                if m < inner.problem.models
                else None
            )
            if free is None:
                return Parts(np.zeros(n, dtype=np.int64), ((),))
            given = known.get(FREE, np.full(n, np.nan))
            made = np.full(n, np.nan) if free.evidence is None else evidence_of(free.evidence, known, n)
            return _evidence(np.where(np.isnan(given), made, given), free.edges)
    if not known:
        return Parts(np.zeros(n, dtype=np.int64), ((),))
    shown = [{name: float(v[row]) for name, v in known.items() if not np.isnan(v[row])} for row in range(n)]
    return Parts(np.arange(n), tuple(sorted_signals(row) for row in shown))


def _evidence(values: Floats, edges: Sequence[float]) -> Parts:
    """Kinds by step; each is shown one of its numbers, the last kind, of which none is known, nothing."""
    step = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, "right"))
    shown: list[Signals] = [()] * (len(edges) + 2)
    for place in np.unique(step).tolist():
        if place <= len(edges):
            shown[place] = ((FREE, float(values[step == place][0])),)
    return Parts(step, tuple(shown))


def confidences(policy: Policy, m: int, values: Floats) -> Ints:
    """Kinds of direct confidences."""
    inner = policy.policy if isinstance(policy, Curtailed) else policy
    match inner:
        case Always():
            return np.zeros(len(values), dtype=np.int64)
        case Threshold(threshold):
            return (values >= threshold).astype(np.int64)
        case Band(low, high):
            return (values >= low).astype(np.int64) + (values >= high)
        case POMDP() if (model := inner.problem.observations[m]) is not None:
            edges = model.edges or [(c - 0.5) / model.k for c in range(1, model.k + 1)]
            return np.searchsorted(edges, values, "right")
    return np.unique(values, return_inverse=True)[1].ravel()


def measured(policy: Policy, m: int, name: str, values: Floats) -> Ints:
    """Kinds of a paid signal's values; those that are missing are the last kind."""
    inner = policy.policy if isinstance(policy, Curtailed) else policy
    missing = np.isnan(values)
    if isinstance(inner, POMDP):
        model = next((s for s in inner.problem.signals[m] if s.name == name), None)
        edges = () if model is None else tuple(model.edges)
        return np.where(missing, len(edges) + 1, np.searchsorted(edges, values, "right"))
    kinds = np.unique(values, return_inverse=True)[1].ravel()
    return np.where(missing, len(values), kinds)

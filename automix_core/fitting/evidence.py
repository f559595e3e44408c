"""Learning evidence from outcomes: from signals to the probability that a draft is right (numpy).

Few labels first. Each signal has a known sign (`evidence.signs`); oriented and on one scale they are averaged with the
fixed weights of `evidence.unfitted`, and two numbers turn the average into a probability (Platt). From 100 labels on a
logistic regression may move the weights, none below 0, drawn towards the fixed ones like `_DRAWN` more labels would:

    min  - sum log-likelihood + (_DRAWN / 2) |w - a w_fixed|^2

Three scales are tried: the fixed curves of `evidence.unfitted`, ranks among the training values, and the values
themselves, standardised. What predicts drafts left out best (five folds, log-likelihood) is kept, the simpler unless
the other is better by more than its standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..evidence.arrays import Array, evidence_of, sigmoid
from ..evidence.estimator import Estimator, Evidence, Term
from ..evidence.signs import SIGNS
from ..evidence.tokens import TOKENS
from ..evidence.unfitted import PARTS
from .logistic import logistic

WEIGHTS: Mapping[str, float] = {
    **{name: weight for name, (weight, _, _) in PARTS.items()},
    **dict.fromkeys(("quote", "length", "refusal", *(t for t in TOKENS if t != "logprob_sum")), 0.0),
}
"""The fixed weights; a signal of the user's own has 2."""

FEWEST = 10
"""Labels, of right and of wrong drafts together, below which nothing is learned."""
_MANY = 100
"""Labels from which weights may move."""
_DRAWN = 30.0
_FOLDS = 5
_KNOTS = 17
_OWN = 2.0
_SLOPE = 4.0
"""What the slope of the average is drawn towards, as by `_PSEUDO` labels: one of medium use."""
_PSEUDO = 4.0


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to learn: the scale, and whether weights move."""

    scale: str
    free: bool = False


def fit_evidence(signals: Mapping[str, Array], right: Array, names: Sequence[str] | None = None) -> Evidence | None:
    """The estimators for the drafts of one model, None where there is too little to learn from.

    `signals` holds a value a draft, NaN where it is missing; `right` the drafts' scores in [0, 1]. Beside the estimator
    of all signals there is one without the token signals, without `echo`, without both, and without each of the user's
    own, as these may be missing live.
    """
    fitted: list[Estimator] = []
    way: _Way | None = None
    for chosen in _subsets(tuple(sorted(signals)) if names is None else tuple(names)):
        varied, values, y = _usable(chosen, signals, right)
        if varied and (not fitted or varied != fitted[-1].names):
            way = way or _choose(varied, values, y)  # once: of all signals
            fitted.append(_learn(varied, values, y, way))
    return Evidence(fitted) if fitted else None


def _subsets(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """All signals, then without those that may be missing."""
    own = [(name,) for name in names if name not in SIGNS or name in ("p_correct", "sufficient", "agreement")]
    drops: list[tuple[str, ...]] = [(), ("echo",), TOKENS, (*TOKENS, "echo"), *own]
    seen: set[tuple[str, ...]] = set()
    for drop in drops:
        left = tuple(name for name in names if name not in drop)
        if left and left not in seen:
            seen.add(left)
            yield left


def _usable(names: tuple[str, ...], signals: Mapping[str, Array], right: Array) -> tuple[tuple[str, ...], Array, Array]:
    """Of the drafts that have all of `names`: the signals that vary, their values, the scores; no names if too few."""
    values = np.column_stack([signals[name] for name in names])
    rows = np.isfinite(values).all(axis=1)
    values, y = values[rows], right[rows]
    if len(y) < FEWEST or y.max() - y.min() < 1e-9:
        return (), values, y
    varied = [i for i in range(len(names)) if np.ptp(values[:, i]) > 0]
    kept = tuple(names[i] for i in varied)
    return kept if any(_fixed(kept)) else (), values[:, varied], y


def _choose(names: tuple[str, ...], values: Array, y: Array) -> _Way:
    """The way whose estimators say most about drafts left out, the simpler unless another is clearly better."""
    ways = [_Way("fixed"), _Way("rank"), _Way("plain")]
    if len(y) >= _MANY:
        ways += [_Way(way.scale, free=True) for way in ways]
    folds = np.array_split(np.random.default_rng(0).permutation(len(y)), _FOLDS)
    best, told = ways[0], _told(names, values, y, ways[0], folds)
    for way in ways[1:]:
        more = _told(names, values, y, way, folds)
        gain = more - told
        if gain.mean() > gain.std() / np.sqrt(len(y)):
            best, told = way, more
    return best


def _told(names: tuple[str, ...], values: Array, y: Array, way: _Way, folds: Sequence[NDArray[np.intp]]) -> Array:
    """The log-likelihood of each draft under an estimator learned without it."""
    told = np.zeros(len(y))
    for fold in folds:
        rest = np.setdiff1d(np.arange(len(y)), fold)
        estimator = _learn(names, values[rest], y[rest], way)
        columns = {name: values[fold, i] for i, name in enumerate(names)}
        p = np.clip(evidence_of(Evidence([estimator]), columns, len(fold)), 1e-6, 1 - 1e-6)
        told[fold] = y[fold] * np.log(p) + (1 - y[fold]) * np.log1p(-p)
    return told


def _learn(names: tuple[str, ...], values: Array, y: Array, way: _Way) -> Estimator:
    curves = [_SCALES[way.scale if name in PARTS or way.scale != "fixed" else "rank"](name, values[:, i])
              for i, name in enumerate(names)]  # fmt: skip
    x = np.column_stack([np.interp(values[:, i], at, to) for i, (at, to) in enumerate(curves)])
    fixed = np.array(_fixed(names))
    fixed /= fixed.sum()
    slope, bias = platt(x @ fixed, y)
    weights = slope * fixed
    if way.free:
        weights, bias = _ridge(x, y, weights, bias, np.array([SIGNS.get(name, 1) for name in names]))
    terms = [
        Term(name, float(weight), at.tolist(), to.tolist())
        for name, weight, (at, to) in zip(names, weights, curves, strict=True)
        if weight
    ]
    return Estimator(terms or [Term(names[0], 0.0, (0.0,), (0.0,))], float(bias))


def _fixed(names: Sequence[str]) -> list[float]:
    weights = [WEIGHTS.get(name, _OWN) for name in names]
    if not any(weights):  # only signals without a fixed weight: those whose sign is known count alike
        weights = [float(SIGNS.get(name, 1) != 0) for name in names]
    return weights


def _by_fixed(name: str, values: Array) -> tuple[Array, Array]:
    _, at, to = PARTS[name]
    return np.array(at), np.array(to)


def _by_rank(name: str, values: Array) -> tuple[Array, Array]:
    """Mid-ranks in [0, 1] at some of the values."""
    ordered = np.sort(values)
    at = np.unique(np.quantile(ordered, np.linspace(0, 1, _KNOTS), method="nearest"))
    ranks = (np.searchsorted(ordered, at, "left") + np.searchsorted(ordered, at, "right")) / (2 * len(ordered))
    return at, 1 - ranks if SIGNS.get(name, 1) < 0 else ranks


def _by_value(name: str, values: Array) -> tuple[Array, Array]:
    """Level beyond two standard deviations from the mean; from 0 to 1 between them."""
    mean, wide = values.mean(), 2 * values.std()
    if not wide > 1e-9 * (1 + abs(mean)):
        return np.array([mean]), np.array([0.5])
    ends = np.array([mean - wide, mean + wide])
    return ends, np.array([1.0, 0.0] if SIGNS.get(name, 1) < 0 else [0.0, 1.0])


_SCALES: Mapping[str, Callable[[str, Array], tuple[Array, Array]]] = {
    "fixed": _by_fixed,
    "rank": _by_rank,
    "plain": _by_value,
}


def platt(s: Array, y: Array) -> tuple[float, float]:
    """Slope, not below 0, and bias of the logistic regression on one number."""
    centre = s.mean()
    slope, bias = _SLOPE, float(np.log((y.sum() + 1) / (len(y) - y.sum() + 1)))
    x = np.column_stack([s - centre, np.ones(len(s))])
    prior = np.array([_PSEUDO * max(float(s.var()), 1e-6), 1e-3])  # in labels: the slope's scale is that of s
    theta = logistic(x, y, np.array([slope, bias]), prior, np.array([slope, 0.0]))
    slope = max(float(theta[0]), 0.0)
    if slope == 0.0:
        return 0.0, bias
    return slope, float(theta[1] - slope * centre)


def _ridge(x: Array, y: Array, start: Array, bias: float, signs: NDArray[np.int64]) -> tuple[Array, float]:
    """Weights drawn towards `start`; those of signals whose sign is known stay at 0 or above."""
    design = np.column_stack([x, np.ones(len(x))])
    pull = np.append(np.full(x.shape[1], _DRAWN) * np.maximum(x.var(axis=0), 1e-6), 1e-3)
    theta, centre = np.append(start, bias), np.append(start, bias)
    lipschitz = 0.25 * np.linalg.norm(design, 2) ** 2 + pull.max()
    ahead, momentum = theta.copy(), 1.0
    for _ in range(200):  # accelerated projected gradient
        gradient = design.T @ (sigmoid(design @ ahead) - y) + pull * (ahead - centre)
        new = ahead - gradient / lipschitz
        new[:-1] = np.where(signs != 0, np.maximum(new[:-1], 0), new[:-1])
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead, momentum = new + (momentum - 1) / following * (new - theta), following
        if np.abs(new - theta).max() < 1e-5:
            break
        theta = new
    return theta[:-1], float(theta[-1])

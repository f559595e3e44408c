"""Points above the better single model, for every verifier, price, way of paying and number of labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automix_core.fitting.estimate import estimate
from automix_core.outcomes.columns import Columns
from benchmarks.policies.averaged import ensemble, kde_gain
from benchmarks.policies.lattice import COUNTS, Choices, from_counts, points, problem_vectors, solve
from benchmarks.policies.library import Library, chosen, data_set, kde_routes
from benchmarks.policies.worlds import KAPPAS, RATIOS, WAYS, Array, Prices, World, worlds

LIBRARY = ("library threshold", "library POMDP")
SINGLE = "better single in training"
METHODS = (*LIBRARY, SINGLE, "paper KDE POMDP", "average of three curves", "ours")


@dataclass(frozen=True)
class Cell:
    """One world with one sample: points [method, price], and of a policy that knows the truth."""

    world: World
    labels: int
    seed: int
    points: Array
    oracle: Array


def cells(labels: int, seeds: int, library: Library | None, kinds: Sequence[World] | None = None) -> list[Cell]:
    """All worlds, `seeds` samples each."""
    drawn = [(world, seed, sample(world, labels, seed)) for world in kinds or worlds() for seed in range(seeds)]
    asked = [] if library is None else library.ask("candidates", [data_set(columns) for *_, columns in drawn])
    found = []
    for i, (world, seed, columns) in enumerate(drawn):
        prices = Prices.of(world)
        choices = {
            SINGLE: single(columns, prices),
            "paper KDE POMDP": from_counts(kde_routes(kde_gain(columns), prices)),
            "average of three curves": solve(ensemble(columns), prices),
            "ours": solve(problem_vectors(estimate(columns)), prices),
        }
        if asked:
            choices["library POMDP"] = from_counts(chosen(asked[i]["POMDP"], columns, prices))
            choices["library threshold"] = from_counts(chosen(asked[i]["Threshold"], columns, prices))
        rows = np.array([_points(choices.get(method), world, prices) for method in METHODS])
        found.append(Cell(world, labels, seed, rows, points(solve(world.vectors, prices), world, prices)))
    return found


def single(columns: Columns, prices: Prices) -> Choices:
    """No cascade at all: whichever model had the higher reward in training."""
    small, large = columns.scores.mean(axis=0)
    skip = large - prices.cost_weight * prices.ratio > small - prices.cost_weight
    return Choices(np.zeros((len(prices.ratio), len(COUNTS)), dtype=np.int64), skip)


def sample(world: World, labels: int, seed: int) -> Columns:
    """The same outcomes for every method."""
    place = worlds().index(World(world.task, world.verifier, world.mis))
    return world.sample(labels, np.random.default_rng([seed, labels, place, world.soft]))


def _points(choices: Choices | None, world: World, prices: Prices) -> Array:
    if choices is None:
        return np.full(len(prices.ratio), np.nan)
    return points(choices, world, prices)


def by_labels(runs: dict[int, list[Cell]]) -> list[list[str]]:
    """Pooled over everything: a row a method, a column a number of labels."""
    rows = [["method", *(f"n = {n}" for n in runs)]]
    for m, method in enumerate(METHODS):
        rows.append([method, *(_mean([cell.points[m] for cell in run]) for run in runs.values())])
    rows.append(["knows the truth", *(_mean([cell.oracle for cell in run]) for run in runs.values())])
    return rows


def by_way(run: Sequence[Cell], ratio: float | None = None) -> list[list[str]]:
    """A column a way of paying, pooled over worlds and kappas, and over ratios unless one is given."""
    rows = [["method", *WAYS]]
    for m, method in enumerate([*METHODS, "knows the truth"]):
        line = [method]
        for way in WAYS:
            line.append(_mean([_figures(cell, m)[_where(cell, way, ratio)] for cell in run]))
        rows.append(line)
    return rows


def margin(run: Sequence[Cell], over: str) -> list[list[str]]:
    """Ours less another method, paired, by way of paying, with standard errors over cells."""
    other = METHODS.index(over)
    rows = [[f"ours less {over}", *WAYS]]
    line = ["points"]
    for way in WAYS:
        less = np.array([(c.points[-1] - c.points[other])[_where(c, way, None)].mean() for c in run])
        line.append(f"{less.mean():+.2f} ± {less.std(ddof=1) / np.sqrt(len(less)):.2f}")
    return [*rows, line]


def by_ratio(run: Sequence[Cell]) -> list[list[str]]:
    """Ours by cost ratio and way of paying, clean and misspecified apart: the pooled cells."""
    rows = [["ours", *(f"1:{ratio:g} {kind}" for ratio in RATIOS for kind in ("clean", "mis"))]]
    for way in WAYS:
        line = [way]
        for ratio in RATIOS:
            for mis in (False, True):
                line.append(_mean([c.points[-1][_where(c, way, ratio)] for c in run if c.world.mis == mis]))
        rows.append(line)
    return rows


def worst(run: Sequence[Cell], method: str = "ours") -> float:
    """The lowest pooled cell: ratio x way of paying x clean or misspecified."""
    m = METHODS.index(method)
    return min(
        float(np.mean([c.points[m][_where(c, way, ratio)].mean() for c in run if c.world.mis == mis]))
        for way in WAYS
        for ratio in RATIOS
        for mis in (False, True)
    )


def by_verifier(runs: dict[int, list[Cell]]) -> list[list[str]]:
    """Ours and the library's POMDP, by verifier and number of labels."""
    names = sorted({cell.world.verifier for run in runs.values() for cell in run})
    rows = [["n", "method", *names]]
    for n, run in runs.items():
        for method in ("library POMDP", "paper KDE POMDP", "average of three curves", "ours"):
            m = METHODS.index(method)
            rows.append([str(n), method, *(_mean([c.points[m] for c in run if c.world.verifier == v]) for v in names)])
    return rows


def regret(labels: Sequence[int], seeds: int, library: Library | None) -> list[list[str]]:
    """The decision alone: 8 verdicts forced and free, mean points lost to a policy that knows the truth."""
    rows = {method: [method] for method in METHODS if method != SINGLE}
    kinds = [*worlds(), *(World(w.task, w.verifier, soft=True) for w in worlds() if not w.mis)]
    for n in labels:
        lost: dict[str, list[float]] = {method: [] for method in rows}
        drawn = [(world, sample(world, n, seed)) for world in kinds for seed in range(seeds)]
        asked = [] if library is None else library.ask("candidates", [data_set(columns) for _, columns in drawn])
        for i, (world, columns) in enumerate(drawn):
            free = _free(world)
            best = points(solve(world.vectors, free, fixed=True), world, free)
            routes: dict[str, Callable[[], Choices]] = {
                "paper KDE POMDP": lambda: from_counts(kde_routes(kde_gain(columns), free)),  # noqa: B023
                "average of three curves": lambda: solve(ensemble(columns), free, fixed=True),  # noqa: B023
                "ours": lambda: solve(problem_vectors(estimate(columns)), free, fixed=True),  # noqa: B023
            }
            if asked:
                routes["library POMDP"] = lambda: from_counts(chosen(asked[i]["POMDP"], columns, free))  # noqa: B023
                routes["library threshold"] = lambda: from_counts(chosen(asked[i]["Threshold"], columns, free))  # noqa: B023
            for method, route in routes.items():
                lost[method].append(float((best - points(route(), world, free)).mean()))
        for method in rows:
            rows[method].append(f"{np.mean(lost[method]):.2f}" if lost[method] else "-")
    return [["method", *(f"n = {n}" for n in labels)], *rows.values()]


def _free(world: World) -> Prices:
    """Ratio 1:50, each kappa, verdicts for nothing."""
    kappa, ratio, none = np.array(KAPPAS), np.full(len(KAPPAS), 50.0), np.zeros(len(KAPPAS))
    weight = kappa * world.gap / 49
    return Prices(np.array(["free"] * len(KAPPAS)), ratio, kappa, weight, none, none, none)


def _figures(cell: Cell, m: int) -> Array:
    return cell.oracle if m == len(METHODS) else cell.points[m]


def _where(cell: Cell, way: str, ratio: float | None) -> NDArray[np.int64]:
    prices = Prices.of(cell.world)
    return np.flatnonzero((prices.way == way) & ((prices.ratio == ratio) | (ratio is None)))


def _mean(parts: Sequence[Array]) -> str:
    means = np.array([part.mean() for part in parts])
    if np.isnan(means).all():
        return "-"
    error = means.std(ddof=1) / np.sqrt(len(means)) if len(means) > 1 else float("nan")
    return f"{means.mean():.2f} ± {error:.2f}"

"""The paper's metric on real outcomes: 145 SQuAD questions answered and checked by two small open models."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from automix_core.evaluation.evaluate import ratios
from automix_core.evaluation.intervals import resampled_means
from automix_core.evaluation.reliability import reliability
from automix_core.evaluation.replay import Replayed, replay
from automix_core.fitting.family import family
from automix_core.fitting.fit import Objective, cost_weight_of
from automix_core.outcomes.columns import Columns, Ints
from automix_core.outcomes.outcome import read_outcomes
from automix_core.policies import Always
from benchmarks.policies.library import Library, data_set
from benchmarks.policies.worlds import Array

FILE = Path(__file__).with_name("outcomes-squad.jsonl")
FOLDS, REPEATS = 5, 4


def real(library: Library | None) -> tuple[list[list[str]], str]:
    """Every question answered by a policy fitted without it: means with 95 % bootstrap intervals, and remarks."""
    columns = Columns.of(read_outcomes(FILE))
    splits = [np.array_split(np.random.default_rng(r).permutation(len(columns)), FOLDS) for r in range(REPEATS)]
    weight, _ = cost_weight_of(columns, Objective())
    done: dict[str, tuple[Array, Array]] = {}
    for m, name in enumerate(columns.names):
        done[f"always {name}"] = columns.scores[:, m], columns.costs[:, m]
    for method in ("threshold", "kde", "pomdp"):
        done[f"automix fit --method {method}"] = _held_out(columns, splits, method, weight)
    if library is not None:
        for name, figures in _library(columns, splits, library).items():
            done[f"automix-llm {name}, trained as shipped"] = figures
    rows = [["", "score", "cost", "delta IBC, %", "reward at the tie, x 1000"]]
    for name, (score, cost) in done.items():
        rows.append([name, *_figures(columns, score, cost, weight)])
    (checked,) = reliability(columns)
    remarks = (
        f"{len(columns)} SQuAD questions; costs are tokens at example prices 1:50. The small model's eight verdicts "
        f"have an AUROC of {checked.auroc:.3f} for its answer being right; {checked.unreadable:.1%} are unreadable. "
        "Each question is answered by a policy fitted without it (five folds, four times over), at the cost weight at "
        "which the two models tie on all of them; whichever model is then the better on four fifths tends to be the "
        "worse on the rest, which costs every fitted policy some points here. With so few questions and so dim a "
        "verifier hardly anything can be told apart: read the intervals."
    )
    return rows, remarks


def _held_out(columns: Columns, splits: list[list[Ints]], method: str, weight: float) -> tuple[Array, Array]:
    score, cost = np.zeros(len(columns)), np.zeros(len(columns))
    for folds in splits:
        for fold in folds:
            train = columns.rows(np.setdiff1d(np.arange(len(columns)), fold))
            point = family(method, train).best(weight)
            alone = max(range(columns.models), key=lambda m: float((train.scores - weight * train.costs)[:, m].mean()))
            single = float((train.scores - weight * train.costs)[:, alone].mean())
            policy = point.build() if point.reward(weight) > single else Always(alone)
            each: Replayed = replay(policy, columns.rows(fold))
            score[fold] += each.score / len(splits)
            cost[fold] += each.cost / len(splits)
    return score, cost


def _library(columns: Columns, splits: list[list[Ints]], library: Library) -> dict[str, tuple[Array, Array]]:
    mean = columns.costs.mean(axis=0)
    price = columns.verdict_cost[:, 0]
    every = price[:, 0] + 8 * price[:, 2]
    asked = []
    for folds in splits:
        for fold in folds:
            train = columns.rows(np.setdiff1d(np.arange(len(columns)), fold))
            asked.append(
                {
                    "train": data_set(train),
                    "test": data_set(columns.rows(fold)),
                    "costs": mean.tolist(),
                    "verifier_cost": float(every.mean()),
                }
            )
    found = library.ask("train", asked)
    results = {}
    for name in ("POMDP", "Threshold"):
        score, cost = np.zeros(len(columns)), np.zeros(len(columns))
        for answer, fold in zip(found, [fold for folds in splits for fold in folds], strict=True):
            routed = np.array(answer[name])
            score[fold] += np.where(routed, columns.scores[fold, 1], columns.scores[fold, 0]) / len(splits)
            cost[fold] += (columns.costs[fold, 0] + every[fold] + routed * columns.costs[fold, 1]) / len(splits)
        results[name] = score, cost
    return results


def _figures(columns: Columns, score: Array, cost: Array, weight: float) -> list[str]:
    ends = [columns.scores[:, 0], columns.costs[:, 0], columns.scores[:, 1], columns.costs[:, 1]]
    table = np.column_stack([score, cost, *ends])
    draws, mean = resampled_means(table), table.mean(axis=0)
    delta = ratios(draws)[1]
    low, high = np.nanpercentile(delta, [2.5, 97.5]) if np.isfinite(delta).mean() > 0.9 else (np.nan, np.nan)
    lift = ratios(mean)[1]
    shown = "undefined" if not np.isfinite(lift) else f"{lift:.0f} ({low:.0f} to {high:.0f})"
    reward = 1000 * (mean[0] - weight * mean[1])
    spread = 1000 * (draws[:, 0] - weight * draws[:, 1])
    bounds = np.percentile(spread, [2.5, 97.5])
    return [f"{mean[0]:.3f}", f"{mean[1]:.0f}", shown, f"{reward:.0f} ({bounds[0]:.0f} to {bounds[1]:.0f})"]

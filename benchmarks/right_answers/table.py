"""Contestants side by side: a question, a right answer, each against always large, cascadeflow and a coin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from automix_core.evaluation.intervals import between, resampled_means
from benchmarks.right_answers.contestants import LARGE, LEARNED, PEER, Figures
from benchmarks.right_answers.sets import Array

SMALL = "always small"
SPENT = ("cost", "tokens", "seconds")


def compared(found: Mapping[str, Figures]) -> dict[str, dict[str, Any]]:
    """Means a question and a right answer; [mean, low, high] of what is compared, by resamples of the questions."""
    columns = [values for row in found.values() for values in row.values()]
    table = np.column_stack(columns)
    every = np.vstack([table.mean(axis=0), resampled_means(table)])  # the first row is that of the questions themselves
    places = iter(every.T)
    means = {name: {figure: next(places) for figure in row} for name, row in found.items()}
    return {name: row(means[name], means[LARGE], means[PEER], means[SMALL]) for name in means}


def row(
    own: Mapping[str, Array], large: Mapping[str, Array], peer: Mapping[str, Array], small: Mapping[str, Array]
) -> Any:
    """One contestant: arrays hold the mean over the questions, then over each resample of them."""
    share = np.clip((own["cost"] - small["cost"]) / (large["cost"] - small["cost"]), 0, 1)  # at most always large
    coin = small["score"] + share * (large["score"] - small["score"])
    spent = [name for name in SPENT if name in own]
    each = {name: own[name] / own["right"] for name in spent}
    return {
        "question": {name: float(values[0]) for name, values in own.items()},
        "answer": {name: float(values[0]) for name, values in each.items()},
        "score less": {
            LARGE: span(own["score"] - large["score"]),
            PEER: span(own["score"] - peer["score"]),
            "a coin": span(own["score"] - coin),
        },
        "a right answer of": {
            base: {name: span(each[name] / (other[name] / other["right"])) for name in spent}
            for base, other in ((LARGE, large), (PEER, peer))
        },
    }


def span(values: Array) -> list[float]:
    """The first value, between the bounds of 95 % of the others."""
    found = between(float(values[0]), values[1:])
    return [found.mean, found.low, found.high]


def shown(told: Mapping[str, Mapping[str, Any]]) -> str:
    """Two tables and a remark, as Markdown."""
    return "\n\n".join([a_question(told), a_right_answer(told), remark(told)])


def a_question(told: Mapping[str, Mapping[str, Any]]) -> str:
    spent = [name for name in SPENT if name in told[LARGE]["question"]]
    head = [
        "a question",
        "score",
        "less always large's",
        "less cascadeflow's",
        "less a coin's at its cost",
        "right",
        "drafts kept",
    ]
    lines = [[*head, *spent]]
    for name, one in told.items():
        mean = one["question"]
        less = [signed(one["score less"][base]) for base in (LARGE, PEER, "a coin")]
        paid = [number(mean[figure]) for figure in spent]
        lines.append([name, f"{mean['score']:.3f}", *less, f"{mean['right']:.0%}", f"{mean['small']:.0%}", *paid])
    return markdown(lines)


def a_right_answer(told: Mapping[str, Mapping[str, Any]]) -> str:
    spent = [name for name in SPENT if name in told[LARGE]["answer"]]
    head = [[name, "of always large's", "of cascadeflow's"] for name in spent]
    lines = [["a right answer", *(cell for three in head for cell in three)]]
    for name, one in told.items():
        of = one["a right answer of"]
        cells = [[number(one["answer"][f]), ratio(of[LARGE][f]), ratio(of[PEER][f])] for f in spent]
        lines.append([name, *(cell for three in cells for cell in three)])
    return markdown(lines)


def remark(told: Mapping[str, Mapping[str, Any]]) -> str:
    """Which of the learned ones are cheaper than either peer at no lower score."""
    said = []
    for base in (LARGE, PEER):
        score, cost = (told[base]["question"][figure] for figure in ("score", "cost"))
        ours = [(name, one["question"]) for name, one in told.items() if name in LEARNED]
        won = [name for name, own in ours if own["score"] >= score and own["cost"] < cost]
        names = " and ".join(sorted(won, key=lambda name: float(told[name]["question"]["cost"]))) or "none of ours"
        said.append(f"No lower score than {base} at a lower cost, by the means: {names}.")
    return " ".join(said)


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def signed(bounds: list[float]) -> str:
    return "{:+.3f} ({:+.3f} to {:+.3f})".format(*bounds)


def ratio(bounds: list[float]) -> str:
    return "{:.2f} ({:.2f} to {:.2f})".format(*bounds)


def markdown(lines: Iterable[list[str]]) -> str:
    head, *rest = (f"| {' | '.join(cells)} |" for cells in lines)
    return "\n".join([head, "|" + " --- |" * (head.count("|") - 1), *rest])

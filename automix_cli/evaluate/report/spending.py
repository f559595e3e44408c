"""Where the money and the time go: by model, and by answers, checks and paid signals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from automix_core.evaluation.replay import ANSWERS, SIGNALS, VERDICTS
from automix_core.outcomes.columns import Floats, Ints

from .drawing import CHECKS, axis, colour, drawn
from .drawing import SIGNALS as SIGNALS_COLOUR
from .markup import Figure, Section, label, paragraph, table
from .subject import THOUSAND, Subject

_FEWEST = 10
"""Questions whose times must be known for a picture of them."""


@dataclass(frozen=True, slots=True)
class Part:
    """A kind of spending: how much of it a question has, and what it is where that model answers everything."""

    name: str
    model: int
    tint: str
    mean: float
    alone: float = 0.0
    hatched: bool = False


def spending(subject: Subject) -> Section:
    """Money, and time where it was recorded, beside each model alone."""
    parts = money(subject)
    total = sum(part.mean for part in parts)
    largest = max(parts, key=lambda part: part.mean)
    share = f" The largest part, {largest.mean / total:.0%}, is {largest.name}." if total > 0 else ""
    checks = sum(part.mean for part in parts if part.tint == CHECKS)
    body = paragraph(f"1,000 questions cost {subject.money(total)}, of it {subject.money(checks)} for checks.{share}")
    title = f"cost of 1,000 questions ({subject.unit})"
    figures = [_figure(subject, "money-plot", parts, title, THOUSAND, "Where the money goes")]
    body += "{{money-plot}}"
    seconds, known = time(subject)
    if seconds:
        total = sum(part.mean for part in seconds)
        body += paragraph(
            f"A question takes {total:.3g} seconds, one step after the other, on the {known:,} questions whose times "
            "were recorded."
        )
        body += "{{time-plot}}"
        figures.append(_figure(subject, "time-plot", seconds, "seconds a question", 1, "Where the time goes"))
    else:
        body += paragraph("How long answers and checks took is known of fewer than 10 of these questions.", "quiet")
    return Section("spending", "Where money and time go", body, tuple(figures))


def money(subject: Subject) -> list[Part]:
    """What a question costs, part by part; their sum is the policy's cost."""
    spent = subject.done.spent
    return _parts(subject, spent[..., ANSWERS], spent[..., VERDICTS], spent[..., SIGNALS], subject.columns.costs)


def time(subject: Subject) -> tuple[list[Part], int]:
    """What a question takes in seconds, part by part, and on how many questions that is known; nothing on few."""
    columns, done = subject.columns, subject.done
    if columns.seconds is None:
        return [], 0
    rounds = np.full_like(columns.seconds, np.nan) if columns.verdict_seconds is None else columns.verdict_seconds
    checking = np.where(done.rounds > 0, done.rounds * rounds, 0.0)
    known = np.flatnonzero(~np.isnan(columns.seconds).any(axis=1) & ~np.isnan(checking).any(axis=1))
    if len(known) < _FEWEST:
        return [], 0
    answering = np.where(done.drafted, columns.seconds, 0.0)
    return _parts(subject, answering, checking, np.zeros_like(checking), columns.seconds, known), len(known)


def _parts(
    subject: Subject,
    answers: Floats,
    verdicts: Floats,
    signals: Floats,
    alone: Floats,
    which: Ints | slice = slice(None),
) -> list[Part]:
    """The means over some questions, of each model: answers given, drafts thrown away, checks, paid signals."""
    found = []
    for m, name in enumerate(subject.names):
        served = (subject.done.model == m)[which]
        given = answers[which, m]
        found += [
            Part(f"answers of {name}", m, colour(m), float((given * served).mean()), float(alone[which, m].mean())),
            Part(f"drafts of {name} thrown away", m, colour(m), float((given * ~served).mean()), hatched=True),
            Part(f"checks of {name}", m, CHECKS, float(verdicts[which, m].mean())),
            Part(f"paid signals of {name}", m, SIGNALS_COLOUR, float(signals[which, m].mean())),
        ]
    return [part for part in found if part.mean or part.alone]


def _figure(subject: Subject, name: str, parts: list[Part], title: str, times: int, caption: str) -> Figure:
    last = len(subject.names) - 1
    bars = [*(f"always {label(n, 22)}" for n in reversed(subject.names)), "this policy"]
    traces = []
    for part in parts:
        values = [0.0] * len(bars)
        values[-1], values[last - part.model] = times * part.mean, times * part.alone
        pattern = {"shape": "/" if part.hatched else "", "fgcolor": "#ffffff", "fillmode": "overlay", "size": 6}
        traces.append(
            go.Bar(
                y=bars,
                x=values,
                orientation="h",
                name=label(part.name, 40),
                marker={"color": part.tint, "pattern": pattern},
                hovertemplate="%{x:.4~g}<extra>%{fullData.name}</extra>",
            )
        )
    plot = drawn(
        traces,
        barmode="stack",
        bargap=0.35,
        xaxis=axis(title, rangemode="tozero"),
        yaxis=axis(""),
        legend={"orientation": "h", "x": 0, "y": -0.34, "yanchor": "top", "xanchor": "left", "traceorder": "normal"},
    )
    total = sum(part.mean for part in parts) or 1.0
    rows = [[part.name, f"{times * part.mean:.4g}", f"{part.mean / total:.0%}"] for part in parts if part.mean]
    alone = [[f"always {subject.names[part.model]}", f"{times * part.alone:.4g}", ""] for part in parts if part.alone]
    says = f"{caption} under this policy: {'; '.join(f'{part} {share}' for part, _, share in rows)}."
    shown = table(["part", title, "share"], [*rows, *alone], caption)
    return Figure(name, plot, says, shown, 290 + 40 * len(subject.names))

"""What the checks and signals are worth: whether their numbers mean what they say, and what tells right from wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from automix_core.evaluation.reliability import Steps, steps

from .drawing import QUIET, axis, colour, drawn, errors
from .markup import Figure, Section, details, label, paragraph, table
from .subject import Subject

_WORDS = {
    "verdicts": "checks: share that say correct",
    "probability": "direct confidence",
    "lexical": "words alone (free baseline)",
}
_HOW = (
    "What tells right from wrong is the AUROC of each number over drafts that scored in the upper half of the range "
    "against the others, with a 95 % bootstrap interval. The calibration error is the mean distance of confidence "
    "and score. Drafts of one value stay in one fifth, so there may be fewer than five."
)
_STEPS = "<h3>What drafts score, from the lowest fifth of each number to the highest</h3>{{fifths-plot}}"
_ROW, _EDGES = 28, 100
"""Pixels of a picture with a row for each number, and of what is around them."""


def trust(subject: Subject) -> Section:
    """The confidence's reliability, and each signal's."""
    figures, body = [], paragraph("No draft was checked in these outcomes.", "quiet")
    if subject.facts["reliability"]:
        figures.append(_confidence(subject))
        body = paragraph(
            "Where checks can be trusted the points lie near the line: with confidence 0.8, 8 of 10 are right."
        )
        body += "{{confidence-plot}}"
    judged = _judged(subject)
    told = [d for d in subject.facts["discrimination"] if d["model"] in judged and d["auroc"] is not None]
    if told:
        figures.append(_telling(subject, told))
        body += "<h3>What tells right drafts from wrong ones</h3>" + paragraph(
            "How often a right draft has the better number than a wrong one: 0.5 is a coin, 1 is always. "
            "A bar that crosses 0.5 may be nothing."
        )
        body += "{{signals-plot}}"
    found = [s for s in steps(subject.columns, subject.columns.baselines) if s.model in judged and len(s.fifths) > 1]
    if found:
        figures.append(_fifths(subject, found))
        body += _STEPS
    return Section(
        "trust", "Can the checks be trusted?", body + details("How this is counted", paragraph(_HOW)), tuple(figures)
    )


def _judged(subject: Subject) -> set[str]:
    """The models whose drafts may be judged: all but the last, and whoever was checked."""
    return {*subject.columns.names[:-1], *(found["model"] for found in subject.facts["reliability"])}


def _confidence(subject: Subject) -> Figure:
    line = {"dash": "dash", "color": QUIET}
    traces: list[Any] = [
        go.Scatter(x=[0, 1], y=[0, 1], mode="lines", name="as it should be", line=line, hoverinfo="skip")
    ]
    rows, said = [], []
    for found in subject.facts["reliability"]:
        bins = found["bins"]
        traces.append(
            go.Scatter(
                x=[b["confidence"] for b in bins],
                y=[b["score"] for b in bins],
                text=[f"{b['n']:,}" for b in bins],
                name=label(found["model"]),
                mode="lines+markers+text",
                textposition="top center",
                marker={"size": [10 + 22 * b["n"] / found["n"] for b in bins], "color": _tint(subject, found["model"])},
                line={"color": _tint(subject, found["model"])},
                cliponaxis=False,
                hovertemplate="confidence %{x:.2f}<br>mean score %{y:.3f}<br>%{text} drafts<extra></extra>",
            )
        )
        rows += [[found["model"], f"{b['confidence']:.2f}", f"{b['score']:.3f}", f"{b['n']:,}"] for b in bins]
        said.append(_told(found))
    plot = drawn(
        traces,
        xaxis=axis("confidence: the share of checks that say correct", range=[-0.06, 1.06]),
        yaxis=axis("mean score of those drafts", range=[-0.03, 1.09]),
    )
    says = f"Mean score of drafts by the confidence of their checks; the numbers count drafts. {' '.join(said)}"
    shown = table(["model", "confidence", "mean score", "drafts"], rows, "Confidence and score")
    return Figure("confidence-plot", plot, says, shown, 400)


def _told(found: dict[str, Any]) -> str:
    auroc = "undefined" if found["auroc"] is None else f"{found['auroc']:.2f}"
    said = (
        f"{found['model']}: {found['n']:,} checked drafts, AUROC {auroc}, calibration error {found['error']:.3f}, "
        f"{found['unreadable']:.1%} of verdicts unreadable."
    )
    if (alone := found["lexical"]) is not None:
        said += f" Words alone, on the same drafts: {alone['mean']:.2f} ({alone['low']:.2f} to {alone['high']:.2f})."
    return said


def _telling(subject: Subject, told: Sequence[dict[str, Any]]) -> Figure:
    names = [_named(subject, d["model"], d["name"]) for d in told]
    means, lows, highs = ([d["auroc"][part] for d in told] for part in ("mean", "low", "high"))
    scatter = go.Scatter(
        x=means,
        y=[label(name, 34) for name in names],
        mode="markers",
        marker={"size": 10, "color": [_tint(subject, d["model"]) for d in told]},
        error_x=errors(means, lows, highs) | {"color": QUIET},
        hovertemplate="%{y}: %{x:.2f}<extra></extra>",
        showlegend=False,
    )
    coin = {"type": "line", "x0": 0.5, "x1": 0.5, "y0": 0, "y1": 1, "yref": "paper"}
    plot = drawn(
        [scatter],
        xaxis=axis("chance to tell a right draft from a wrong one", range=[min(0.25, *lows) - 0.02, 1.03]),
        yaxis=axis("", type="category", range=[len(told) - 0.4, -0.6]),
        shapes=[coin | {"line": {"color": QUIET, "dash": "dash"}}],
    )
    rows = [
        [name, f"{d['auroc']['mean']:.2f}", f"{d['auroc']['low']:.2f} to {d['auroc']['high']:.2f}", f"{d['n']:,}"]
        for name, d in zip(names, told, strict=True)
    ]
    best = max(range(len(told)), key=means.__getitem__)
    says = f"What tells right drafts from wrong ones, with 95 % intervals; best is {names[best]} at {means[best]:.2f}."
    shown = table(["number", "AUROC", "95 % interval", "drafts"], rows, "What each number tells")
    return Figure("signals-plot", plot, says, shown, _EDGES + _ROW * len(told))


def _fifths(subject: Subject, found: Sequence[Steps]) -> Figure:
    names = [_named(subject, s.model, s.name) for s in found]
    most = max(len(s.fifths) for s in found)
    scores = [[f.score for f in s.fifths] + [None] * (most - len(s.fifths)) for s in found]
    heat = go.Heatmap(
        z=scores,
        x=[str(i + 1) for i in range(most)],
        y=[label(name, 34) for name in names],
        text=[["" if z is None else f"{z:.2f}" for z in row] for row in scores],
        texttemplate="%{text}",
        zmin=0,
        zmax=1,
        colorscale=[[0, "#fdf0d9"], [1, "#5fa8b4"]],
        textfont={"color": "#1b2130"},
        showscale=False,
        xgap=2,
        ygap=2,
        hovertemplate="%{y}, part %{x}: mean score %{z:.3f}<extra></extra>",
    )
    plain = {"type": "category", "showgrid": False}
    across = axis("from the lowest values to the highest", **plain)
    plot = drawn([heat], xaxis=across, yaxis=axis("", autorange="reversed", **plain))
    rows = [
        [name, f"{f.low:.3g} to {f.high:.3g}", f"{f.score:.3f}", f"{f.n:,}"]
        for name, s in zip(names, found, strict=True)
        for f in s.fifths
    ]
    says = "Mean score of drafts by fifths of each number; one that tells something changes colour along its row."
    shown = table(["number", "values", "mean score", "drafts"], rows, "Scores by fifths")
    return Figure("fifths-plot", plot, says, shown, _EDGES + _ROW * len(found))


def _tint(subject: Subject, model: str) -> str:
    return colour(subject.columns.names.index(model))


def _named(subject: Subject, model: str, name: str) -> str:
    """A number's name in words, with the model's where several are judged."""
    said = _WORDS.get(name, name)
    return f"{said}, {model}" if len(_judged(subject)) > 1 else said

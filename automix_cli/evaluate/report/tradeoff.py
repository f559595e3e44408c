"""Cost against quality: the policy among single models, mixtures of them, and plain thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from automix_core.fitting.frontier import hull

from .drawing import OURS, QUIET, axis, colour, drawn, errors
from .markup import Figure, Section, label, paragraph, table
from .places import Place, Places
from .subject import THOUSAND, Subject

_HOVER = "%{text}<br>cost %{x:.4~g}<br>score %{y:.3f}<extra></extra>"


def tradeoff(subject: Subject, found: Places) -> Section:
    """The picture of cost and quality, with what to read in it."""
    named = [found.ours, *found.singles]
    mixing = hull(found.singles)
    lines = [
        _line("the same rule at other worths", [(s["cost"], s["performance"]) for s in _family(subject)], "dot"),
        _line("mixing models at random", [place.at for place in mixing], "dash"),
    ]
    points = [_point(place, colour(m), "circle", 11) for m, place in enumerate(found.singles)]
    traces = [*filter(None, lines), *([_dots(found.cuts)] if found.cuts else []), *points]
    low = min(place.score.low for place in found.everything)
    high = max(place.score.high for place in found.everything)
    room = max(0.04, (0.3 - (high - low)) / 2)
    plot = drawn(
        [*traces, _point(found.ours, OURS, "diamond", 15)],
        xaxis=axis(f"cost of 1,000 questions ({subject.unit})", rangemode="tozero"),
        yaxis=axis("mean score", range=[max(-0.03, low - room), min(1.06, high + room)]),
        annotations=[_name(place, named) for place in named],
    )
    words = " ".join(f"{place.name[0].upper()}{place.name[1:]}: {_words(subject, place)}." for place in named)
    figure = Figure("tradeoff-plot", plot, f"With 95 % intervals. {words}", _table(subject, found), 460)
    body = paragraph(
        f"Up is better, left is cheaper. {_beside(found.ours, mixing)} The broken line is what a coin between the "
        "models would do without any check; a policy below it is not worth its checks."
    )
    return Section("tradeoff", "Cost against quality", body + "{{tradeoff-plot}}", (figure,))


def _table(subject: Subject, found: Places) -> str:
    rows = [
        [
            place.name,
            subject.money(place.cost.mean),
            f"{subject.money(place.cost.low)} to {subject.money(place.cost.high)}",
            f"{place.score.mean:.3f}",
            f"{place.score.low:.3f} to {place.score.high:.3f}",
        ]
        for place in found.everything
    ]
    head = ["who answers", "1,000 questions cost", "95 % interval", "mean score", "95 % interval"]
    return table(head, rows, "Cost and quality of every way to answer")


def _family(subject: Subject) -> list[dict[str, float]]:
    curve = list(subject.facts["curve"])
    return curve if len(curve) > subject.columns.models + 1 else []


def _line(name: str, spots: list[tuple[float, float]], dash: str) -> go.Scatter | None:
    if len(spots) < 2:
        return None
    return go.Scatter(
        x=[THOUSAND * cost for cost, _ in spots],
        y=[score for _, score in spots],
        name=name,
        mode="lines",
        line={"dash": dash, "color": QUIET, "width": 1.8},
        hoverinfo="skip",
    )


def _dots(cuts: list[Place]) -> go.Scatter:
    score = [place.score.mean for place in cuts]
    bars = errors(score, [place.score.low for place in cuts], [place.score.high for place in cuts], faint=True)
    return go.Scatter(
        x=[THOUSAND * place.cost.mean for place in cuts],
        y=score,
        text=[place.name for place in cuts],
        name="plain thresholds on the checks",
        mode="markers",
        marker={"color": QUIET, "size": 8, "symbol": "square"},
        error_y=bars | {"color": QUIET},
        hovertemplate=_HOVER,
    )


def _point(place: Place, tint: str, symbol: str, size: int) -> go.Scatter:
    cost = [THOUSAND * value for value in (place.cost.mean, place.cost.low, place.cost.high)]
    score = place.score
    return go.Scatter(
        x=[cost[0]],
        y=[score.mean],
        text=[label(place.name)],
        mode="markers",
        cliponaxis=False,
        showlegend=False,
        marker={"color": tint, "size": size, "symbol": symbol},
        error_x=errors([cost[0]], [cost[1]], [cost[2]]) | {"color": tint},
        error_y=errors([score.mean], [score.low], [score.high]) | {"color": tint},
        hovertemplate=_HOVER,
    )


def _name(place: Place, named: list[Place]) -> dict[str, Any]:
    """A point's name beside it: towards the middle of the picture, and above or below as its neighbours leave room."""
    most = max(p.cost.mean for p in named) or 1.0
    right = place.cost.mean < 0.55 * most
    near = [p for p in named if p is not place and abs(p.cost.mean - place.cost.mean) < 0.45 * most]
    above = bool(near) and all(place.score.mean >= p.score.mean for p in near)
    return {
        "x": THOUSAND * place.cost.mean,
        "y": place.score.mean,
        "text": f"<b>{label(place.name.removeprefix('always '))}</b>",
        "showarrow": False,
        "xanchor": "left" if right else "right",
        "yanchor": "bottom" if above else "top",
        "xshift": 10 if right else -10,
        "yshift": 8 if above else -8,
        "borderpad": 1,
    }


def _beside(ours: Place, mixing: list[Place]) -> str:
    cost, score = ours.at
    more = score - float(np.interp(cost, [p.cost.mean for p in mixing], [p.score.mean for p in mixing]))
    if abs(more) < 0.0005:
        return "At its cost the policy scores what mixing the models at random would."
    word = "more" if more > 0 else "less"
    return f"At its cost the policy scores {abs(more):.3f} {word} than mixing the models at random would."


def _words(subject: Subject, place: Place) -> str:
    score = place.score
    return f"{subject.money(place.cost.mean)}, score {score.mean:.3f} ({score.low:.3f} to {score.high:.3f})"

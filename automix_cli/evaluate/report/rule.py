"""The rule as a picture: what becomes of a draft, by what its checks said."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from automix_cli.explain.shortly import rules
from automix_core.decision import Accept, Action, Draft, Finish, Measure, Verify
from automix_core.policies.explain import explain
from automix_core.policies.rule import Line, lines

from .drawing import CHECKS, SIGNALS, axis, colour, drawn
from .markup import Figure, Section, label, paragraph, table, text
from .subject import Subject

_MOST_PARTS, _MOST_CHECKS = 3, 24
_KEPT = "#3a9d5d"


def rule(subject: Subject) -> Section:
    """Each part of the policy in a sentence, with a grid of its verdicts or a table of its evidence."""
    columns = subject.columns
    rows = explain(subject.file.policy, models=columns.models, k=subject.file.k or int(columns.recorded.max()) or None)
    told = rules(subject.file, rows)
    body, figures = "", []
    for place, (mine, sentence) in enumerate(told[:_MOST_PARTS]):
        body += f'<p class="rule">{text(sentence)}</p>'
        start = mine[0].decision.action
        if not isinstance(start, Draft):
            continue
        kinds = lines(mine, start.model)
        if len(kinds) > 1:
            body += _kinds(kinds, subject.names)
        if gridded := _gridded(kinds):
            figure = _grid(f"rule-plot-{place}", gridded, start.model, subject.names)
            figures.append(figure)
            body += f"{{{{{figure.name}}}}}"
    if len(told) > _MOST_PARTS:
        body += paragraph(
            f"{len(told) - _MOST_PARTS} further parts of this policy: automix explain shows them.", "quiet"
        )
    if data := subject.file.data:
        body += paragraph(f"Fitted on {data.outcomes:,} outcomes, {data.date}.", "quiet")
    return Section("rule", "The rule", body, tuple(figures))


def _gridded(kinds: Sequence[Line]) -> Line | None:
    """Of the kinds of evidence with a grid of few enough verdicts the one that most questions have."""
    fit = [kind for kind in kinds if kind.grid and 0 < max(map(sum, kind.grid)) <= _MOST_CHECKS]
    return max(fit, key=lambda kind: kind.share or 0.0) if fit else None


def _kinds(kinds: Sequence[Line], names: Sequence[str]) -> str:
    rows = [
        [
            kind.known or "nothing known",
            "" if kind.share is None else f"{kind.share:.0%}",
            does(kind.first, names),
            kind.kept,
        ]
        for kind in kinds
    ]
    return table(
        ["the draft's evidence", "questions", "then", "kept where"], rows, "What is done by what is known of the draft"
    )


def _grid(name: str, kind: Line, model: int, names: Sequence[str]) -> Figure:
    grid = kind.grid
    most = max(map(sum, grid))
    strip = all(c + i == most for c, i in grid)
    actions = sorted(dict.fromkeys(grid.values()), key=lambda action: _sort(action))
    kinds = list(dict.fromkeys(_kind(action, names) for action in actions))
    tints = {_kind(action, names): _tint(action) for action in actions}
    across = range(most + 1)
    down = [0] if strip else list(range(most, -1, -1))
    cells = [[grid.get((c, most - c) if strip else (c, i)) for c in across] for i in down]
    heat = go.Heatmap(
        z=[[None if cell is None else kinds.index(_kind(cell, names)) for cell in row] for row in cells],
        x=[str(c) for c in across],
        y=["" if strip else str(i) for i in down],
        text=[["" if cell is None else _sign(cell) for cell in row] for row in cells],
        customdata=[["" if cell is None else label(_kind(cell, names), 60) for cell in row] for row in cells],
        texttemplate="%{text}",
        colorscale=_scale([tints[kind] for kind in kinds]),
        zmin=-0.5,
        zmax=len(kinds) - 0.5,
        showscale=False,
        xgap=2,
        ygap=2,
        hovertemplate="%{x} correct, %{y} incorrect: %{customdata}<extra></extra>"
        if not strip
        else "%{x} correct: %{customdata}<extra></extra>",
    )
    plot = drawn(
        [heat],
        xaxis=axis(f"checks that say correct{f' (of {most})' if strip else ''}", type="category", showgrid=False),
        yaxis=axis(
            "" if strip else "checks that say incorrect", type="category", showgrid=False, showticklabels=not strip
        ),
    )
    legend = "; ".join(dict.fromkeys(f"{_sign(action)}: {_kind(action, names)}" for action in actions))
    where = f" Drafts with {kind.known}." if kind.known else ""
    says = f"What is done with a draft of {names[model]} by what its readable checks said.{where} {legend}."
    rows = [[str(c), str(i), _kind(action, names)] for (c, i), action in sorted(grid.items())]
    return Figure(
        name,
        plot,
        says,
        table(["correct", "incorrect", "then"], rows, "What is done after these checks"),
        150 if strip else 110 + 34 * (most + 1),
    )


def does(action: Action, names: Sequence[str]) -> str:
    """An action in words."""
    match action:
        case Accept():
            return "the draft is kept"
        case Finish(m) | Draft(m):
            return f"{names[m]} answers"
        case Verify(_, n):
            return f"{n} more check{'s' if n > 1 else ''}"
        case Measure(_, name):
            return f"{name} is measured"


def _kind(action: Action, names: Sequence[str]) -> str:
    return "more checks" if isinstance(action, Verify) else does(action, names)


def _sign(action: Action) -> str:
    match action:
        case Accept():
            return "keep"
        case Finish(m) | Draft(m):
            return f"→{m + 1}"
        case Verify():
            return "more"
        case Measure():
            return "get"


def _tint(action: Action) -> str:
    match action:
        case Accept():
            return _KEPT
        case Finish(m) | Draft(m):
            return colour(m)
        case Verify():
            return CHECKS
        case Measure():
            return SIGNALS


def _sort(action: Action) -> tuple[int, int]:
    match action:
        case Accept():
            return 0, 0
        case Finish(m) | Draft(m):
            return 1, m
        case Verify():
            return 2, 0
        case Measure():
            return 3, 0


def _scale(tints: Sequence[str]) -> list[list[object]]:
    """Plain steps of colour, one for each kind."""
    n = len(tints)
    return [[at / n, tint] for place, tint in enumerate(tints) for at in (place, place + 1)]

"""The picture of docs/core/evidence.md: AUROC of each signal with its interval, by task and model, and what it costs.

    python -m benchmarks.evidence.picture docs/core/evidence.svg

Drawn as plain SVG from the outcomes beside this file: a light card, so that it reads alike on light and dark pages, and
420 units wide, so that a phone shows it at full size.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from automix_core import read_outcomes
from automix_core.evaluation.discrimination import auroc
from automix_core.evidence import TEXTUAL, TOKENS, UNFITTED
from automix_core.evidence.arrays import evidence_of
from automix_core.evidence.signs import SIGNS
from automix_core.outcomes.columns import Columns

Array = NDArray[np.float64]
HERE = Path(__file__).parent
DRAWS = 1000
WIDTH, LEFT, RIGHT, ROW = 420, 150, 352, 19
LOW, HIGH = 0.3, 0.9
COLOURS = {"squad2": "#1d4ed8", "fairytaleqa": "#b45309", "pubmedqa": "#15803d"}
SHAPES = {"squad2": "circle", "fairytaleqa": "square", "pubmedqa": "tip"}
FAMILY = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"


def panels() -> Iterator[tuple[str, Columns, int]]:
    """Title, outcomes and the number of the model whose answers are judged."""
    embedded = Columns.of(read_outcomes(HERE / "outcomes-embedded.jsonl"))
    squad = Columns.of(read_outcomes(HERE / "outcomes-squad.jsonl"))
    yield f"0.5B model, three tasks, {len(embedded)} drafts", embedded, 0
    yield f"0.5B model, SQuAD, another prompt, {len(squad)} drafts", squad, 0
    yield f"1.5B model, three tasks, {len(embedded)} answers", embedded, 1


def signals(columns: Columns, m: int) -> Iterator[tuple[str, Array, str]]:
    """Name, values (higher is safer) and cost, what is mixed or checked first."""
    known = columns.known(m)
    checks = columns.tallies[:, m]
    if checks.any():
        said = checks[:, :2].sum(axis=1)
        confidence = np.where(said > 0, checks[:, 0] / np.maximum(said, 1), 0.5)
        price, draft = columns.verdict_cost[:, m], columns.costs[:, m].mean()
        times = float((price[:, 0] + columns.recorded[:, m] * price[:, 2] + price[:, 3]).mean()) / draft
        yield "8 verdicts", confidence, f"{times:.0f} x draft"
    yield "fixed weights", evidence_of(UNFITTED, known, len(columns)), "0"
    if any(name in TOKENS for name in known):
        words = {name: values for name, values in known.items() if name not in TOKENS}
        yield "fixed, words only", evidence_of(UNFITTED, words, len(columns)), "0"
    for name in (*TEXTUAL, *TOKENS):
        if name in known:
            sign = SIGNS.get(name, 1) or -1
            yield name + (" (shorter)" if name == "length" else " (none)" if name == "refusal" else ""), (
                sign * known[name]
            ), "0"  # fmt: skip


def span(values: Array, right: NDArray[np.bool_]) -> tuple[float, float, float]:
    rng = np.random.default_rng(0)
    draws = [auroc(values[p], right[p]) for p in rng.integers(len(values), size=(DRAWS, len(values)))]
    low, high = np.quantile([each for each in draws if each is not None], [0.025, 0.975])
    return auroc(values, right) or 0.5, float(low), float(high)


def x(value: float) -> float:
    return LEFT + (RIGHT - LEFT) * (min(max(value, LOW), HIGH) - LOW) / (HIGH - LOW)


def text(at: float, y: float, words: str, extra: str = "") -> str:
    return f'<text x="{at:.1f}" y="{y:.1f}" {extra}>{escape(words)}</text>'


def mark(shape: str, at: float, y: float, colour: str) -> str:
    match shape:
        case "circle":
            return f'<circle cx="{at:.1f}" cy="{y:.1f}" r="3.2" fill="none" stroke="{colour}" stroke-width="1.6"/>'
        case "square":
            path = f"M{at - 3:.1f} {y - 3:.1f}h6v6h-6z"
        case _:
            path = f"M{at:.1f} {y - 3.8:.1f}l3.8 6.6h-7.6z"
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>'


def axis(y: float, height: float) -> Iterator[str]:
    for value in (0.3, 0.5, 0.7, 0.9):
        dash = "" if value == 0.5 else ' stroke-dasharray="2 3"'
        colour = "#64748b" if value == 0.5 else "#cbd5e1"
        yield f'<path d="M{x(value):.1f} {y:.1f}v{height:.1f}" stroke="{colour}"{dash}/>'
        words = "0.5, a coin" if value == 0.5 else f"{value}"
        yield text(x(value), y + height + 14, words, 'text-anchor="middle" fill="#475569" font-size="11"')


def drawn() -> str:
    body: list[str] = []
    y = 44.0
    for name, at in zip(COLOURS, (14, 84, 176), strict=True):
        body += [mark(SHAPES[name], at + 4, y - 4, COLOURS[name]), text(at + 12, y, name, 'font-size="12"')]
    body += ['<circle cx="280" cy="40" r="4" fill="#0f172a"/><path d="M270 40h20" stroke="#0f172a" stroke-width="2"/>']
    body += [text(296, y, "all, with 95 %", 'font-size="12"')]
    for title, columns, m in panels():
        y += 30
        body += [text(14, y, title, 'font-weight="600"'), text(412, y, "cost", 'text-anchor="end" fill="#475569"')]
        rows = list(signals(columns, m))
        body += axis(y + 8, ROW * len(rows))
        sets = np.array([name.partition("-")[0] for name in columns.ids])
        right = columns.scores[:, m] >= 0.5
        y += 8
        for name, values, cost in rows:
            y += ROW
            bold = ' font-weight="600"' if name in ("8 verdicts", "fixed weights") else ""
            body.append(text(14, y - 5, name, f'font-size="12.5"{bold}'))
            body.append(text(412, y - 5, cost, f'font-size="12" text-anchor="end"{bold}'))
            known = np.isfinite(values)
            mean, low, high = span(values[known], right[known])
            body.append(f'<path d="M{x(low):.1f} {y - 9:.1f}H{x(high):.1f}" stroke="#0f172a" stroke-width="2"/>')
            for each, colour in COLOURS.items():
                rows_of = known & (sets == each)
                if len(set(sets)) > 2 and (found := auroc(values[rows_of], right[rows_of])) is not None:
                    body.append(mark(SHAPES[each], x(found), y - 9, colour))
            body.append(f'<circle cx="{x(mean):.1f}" cy="{y - 9:.1f}" r="4" fill="#0f172a"/>')
        y += 22
    height = y + 8
    return (
        "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
                f'aria-labelledby="title desc" font-family="{FAMILY}" font-size="13" fill="#0f172a">',
                '<title id="title">What each signal tells of a draft, and what it costs</title>',
                '<desc id="desc">For two models and three tasks the AUROC, with 95 % intervals, of eight verdicts, of '
                "evidence with fixed weights and of each signal. The figures are in the table on this page.</desc>",
                f'<rect width="{WIDTH}" height="{height:.0f}" rx="12" fill="#f8fafc"/>',
                text(14, 22, "AUROC for “this answer is right”", 'font-weight="600" font-size="14.5"'),
                *body,
                "</svg>",
            ]
        )
        + "\n"
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(drawn(), encoding="utf-8")

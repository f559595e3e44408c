"""The picture of README.md: right answers against cost on the demo's 100 questions, for every way of answering them.

    python -m benchmarks.replays_picture docs/measured.svg

Drawn as plain SVG from the ledger of `benchmarks.replays`, whose files hold numbers and no texts. A card of its own,
light or dark as the reader's system is, so that it can be read on any page; 420 units wide, so that a phone shows it at
full size.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

import numpy as np

from automix_core import read_outcomes
from automix_core.evaluation.intervals import resampled_means
from automix_core.outcomes.columns import Columns
from benchmarks.replays import ASKED, COLLECTED, DEFAULT, LARGE, Array, policies, seconds_of, walk

WIDTH, LEFT, RIGHT, TOP, BOTTOM, ROW = 420, 44, 404, 64, 284, 19
DEAREST, FEWEST, MOST = 110.0, 25.0, 65.0
FAMILY = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
STYLE = """
svg { --card: #f8fafc; --ink: #0f172a; --soft: #475569; --line: #cbd5e1;
  --single: #b45309; --rule: #7c3aed; --ours: #1d4ed8; }
@media (prefers-color-scheme: dark) {
  svg { --card: #1e293b; --ink: #f1f5f9; --soft: #cbd5e1; --line: #475569;
    --single: #fbbf24; --rule: #c4b5fd; --ours: #93c5fd; }
}
.card { fill: var(--card); } text { fill: var(--ink); } .soft { fill: var(--soft); } .line { stroke: var(--line); }
.single { --own: var(--single); } .rule { --own: var(--rule); } .ours { --own: var(--ours); }
.mark { fill: var(--own); } .span { stroke: var(--own); stroke-width: 1.6; stroke-opacity: 0.55; }
.coin { stroke: var(--single); stroke-width: 1.6; stroke-dasharray: 5 4; }
.number { fill: var(--card); font-size: 11px; font-weight: 700; text-anchor: middle; }
""".strip()
SHOWN = {
    "always the small model": ("always small (0.5B)", "single"),
    LARGE: ("always large (1.5B)", "single"),
    DEFAULT: ("threshold 0.75, the default", "rule"),
    "Threshold(0.5), 8 verdicts": ("threshold 0.5", "rule"),
    "words and tokens, at most 70 % of the cost": ("fitted on signals, budget of 70 %", "ours"),
    "fitted on words and tokens": ("fitted on signals", "ours"),
    "fitted on verdicts, words and tokens": ("fitted on signals and verdicts", "ours"),
}
"""The ledger's policies that are shown, what they are called here, and their kind."""


class Point(NamedTuple):
    """One way of answering: right answers of a hundred with a 95 % interval, and the share of the large one's cost."""

    words: str
    kind: str
    cost: float
    right: float
    low: float
    high: float


def points() -> list[Point]:
    """Every way that is shown, replayed on the questions asked."""
    columns = Columns.of(read_outcomes(ASKED))
    known, seconds = policies(read_outcomes(COLLECTED)), seconds_of(ASKED)
    rows = {name: walk(known[name], columns, seconds) for name in SHOWN}
    dear = float(rows[LARGE]["usd"].mean())
    return [
        Point(*SHOWN[name], 100 * float(row["usd"].mean()) / dear, *_right(row["right"])) for name, row in rows.items()
    ]


def _right(right: Array) -> tuple[float, float, float]:
    low, high = np.quantile(resampled_means(right[:, None])[:, 0], [0.025, 0.975])
    return 100 * float(right.mean()), 100 * float(low), 100 * float(high)


def x(cost: float) -> float:
    return LEFT + (RIGHT - LEFT) * cost / DEAREST


def y(right: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * (right - FEWEST) / (MOST - FEWEST)


def text(at: float, down: float, words: str, extra: str = "") -> str:
    return f'<text x="{at:.1f}" y="{down:.1f}" {extra}>{escape(words)}</text>'


def axes() -> Iterator[str]:
    for right in (30, 40, 50, 60):
        yield f'<path class="line" d="M{LEFT} {y(right):.1f}H{RIGHT}"/>'
        yield text(LEFT - 8, y(right) + 4, f"{right}", 'class="soft" text-anchor="end"')
    for cost in (0, 25, 50, 75, 100):
        yield f'<path class="line" d="M{x(cost):.1f} {BOTTOM}v5"/>'
        yield text(x(cost), BOTTOM + 18, f"{cost} %", 'class="soft" text-anchor="middle"')
    yield f'<path class="line" d="M{LEFT} {BOTTOM}H{RIGHT}"/>'
    yield text(14, 46, "right answers of 100", 'class="soft"')
    yield text(RIGHT, BOTTOM + 34, "cost, of always large", 'class="soft" text-anchor="end"')


def marks(found: list[Point]) -> Iterator[str]:
    small, large = found[0], found[1]
    yield (
        f'<path class="coin" d="M{x(small.cost):.1f} {y(small.right):.1f}L{x(large.cost):.1f} {y(large.right):.1f}"/>'
    )
    for number, point in enumerate(found, start=1):
        at, down = x(point.cost), y(point.right)
        yield f'<g class="{point.kind}"><path class="span" d="M{at:.1f} {y(point.low):.1f}V{y(point.high):.1f}"/>'
        yield f'<circle class="mark" cx="{at:.1f}" cy="{down:.1f}" r="9"/>'
        yield text(at, down + 4, f"{number}", 'class="number"') + "</g>"


def legend(found: list[Point], top: float) -> Iterator[str]:
    yield text(300, top, "right (95 %)", 'class="soft" text-anchor="middle" font-size="12"')
    yield text(404, top, "cost", 'class="soft" text-anchor="end" font-size="12"')
    for number, point in enumerate(found, start=1):
        down = top + 4 + ROW * number
        yield f'<g class="{point.kind}"><circle class="mark" cx="22" cy="{down - 4:.1f}" r="8"/>'
        yield text(22, down, f"{number}", 'class="number"') + "</g>"
        yield text(38, down, point.words)
        yield text(300, down, f"{point.right:.0f} ({point.low:.0f} to {point.high:.0f})", 'text-anchor="middle"')
        yield text(404, down, f"{point.cost:.0f} %", 'text-anchor="end"')
    down = top + 4 + ROW * (len(found) + 1)
    yield f'<path class="coin" d="M12 {down - 4:.1f}h20"/>'
    yield text(38, down, "a coin between 1 and 2: random mixing")


def drawn() -> str:
    found = points()
    top = BOTTOM + 62
    height = top + ROW * (len(found) + 1) + 18
    said = "; ".join(f"{p.words}: {p.right:.0f} right at {p.cost:.0f} % of the cost" for p in found)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
        f'width="{1.2 * WIDTH:.0f}" height="{1.2 * height:.0f}" role="img" '
        f'aria-labelledby="title desc" font-family="{FAMILY}" font-size="13">',
        '<title id="title">Right answers against cost on 100 questions of SQuAD 2.0</title>',
        f'<desc id="desc">{escape(said)}.</desc>',
        f"<style>\n{STYLE}\n</style>",
        f'<rect class="card" width="{WIDTH}" height="{height:.0f}" rx="12"/>',
        text(14, 24, "Quality against cost, 100 questions of SQuAD 2.0", 'font-weight="600" font-size="14.5"'),
        *axes(),
        *marks(found),
        *legend(found, top),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(drawn(), encoding="utf-8")

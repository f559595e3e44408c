"""A trace as plain SVG: a line a run, with its kind, its tokens and its place in time.

A card of its own, light or dark as the reader's system is, so that it can be read on any page; 380 units wide, so that
a phone shows it at full size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape, unescape
from textwrap import wrap

from benchmarks.traces.span import Span

WIDTH, LEFT, RIGHT, BARS, INDENT, ROW, NOTE, LETTER = 380, 14, 366, 264, 10, 33, 15, 6.0
FAMILY = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
STYLE = """
svg { --card: #f8fafc; --ink: #0f172a; --soft: #475569; --line: #94a3b8; --bill: #1d4ed8; --rest: #64748b; }
@media (prefers-color-scheme: dark) {
  svg { --card: #1e293b; --ink: #f1f5f9; --soft: #cbd5e1; --line: #64748b; --bill: #93c5fd; --rest: #94a3b8; }
}
.card { fill: var(--card); } text { fill: var(--ink); } .soft { fill: var(--soft); font-size: 11px; }
.branch { stroke: var(--line); fill: none; } .own { font-weight: 600; }
.note { font-size: 11px; } .bill { fill: var(--bill); } .rest { fill: var(--rest); }
.whole { fill: var(--line); fill-opacity: 0.25; }
""".strip()
OURS = ("automix", "selfverifier.", "metaverifier.")
_RUN = re.compile(r'<g data-depth="(\d+)" data-kind="([^"]+)"><text[^>]*>([^<]+)</text>')

Tree = list[tuple[int, str, str]]


def tree(spans: Sequence[Span]) -> Tree:
    """Depth, name and kind of each run, in order: all of a trace that is the same on every machine."""
    return [(span.depth, span.name, span.kind) for span in spans]


def shown(picture: str) -> Tree:
    """The `tree` that a picture shows."""
    return [(int(depth), unescape(name), unescape(kind)) for depth, kind, name in _RUN.findall(picture)]


def drawn(spans: Sequence[Span], title: str, caption: str) -> str:
    """The picture of a trace, root first, each run before those beneath it."""
    body, height = _rows(spans, 42 + NOTE * len(_lines(caption, LEFT)))
    said = "; ".join(f"{'> ' * s.depth}{s.name} ({', '.join([s.kind, _took(s), *s.notes])})" for s in spans)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
        f'width="{1.4 * WIDTH:.0f}" height="{1.4 * height:.0f}" role="img" '
        f'aria-labelledby="title desc" font-family="{FAMILY}" font-size="12.5">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(said)}.</desc>',
        f"<style>\n{STYLE}\n</style>",
        f'<rect class="card" width="{WIDTH}" height="{height:.0f}" rx="12"/>',
        _text(LEFT, 25, title, 'font-weight="600" font-size="14.5"'),
        *(_text(LEFT, 43 + NOTE * at, line, 'class="soft"') for at, line in enumerate(_lines(caption, LEFT))),
        *body,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _rows(spans: Sequence[Span], top: float) -> tuple[list[str], float]:
    whole = max(span.ended for span in spans)
    parts: list[str] = []
    above: dict[int, float] = {}
    for span in spans:
        top += ROW
        x, y = LEFT + INDENT * span.depth, top - 18
        if span.depth:
            parts.append(f'<path class="branch" d="M{x - 7} {above[span.depth - 1] + 5:.1f}V{y - 4:.1f}h5"/>')
        parts += _run(span, x, y, whole)
        for line in (line for note in span.notes for line in _lines(note, x + 8)):
            top += NOTE
            parts.append(_text(x + 8, top - 4, line, 'class="note"'))
        above[span.depth] = y + 13
    return parts, top + 8


def _run(span: Span, x: float, y: float, whole: float) -> Iterator[str]:
    own = span.name.lower().startswith(OURS)
    yield f'<g data-depth="{span.depth}" data-kind="{escape(span.kind)}">' + _text(
        x, y, span.name, 'class="own"' if own else ""
    )
    counted = f", {span.tokens[0]} + {span.tokens[1]} tokens" if span.tokens else ""
    yield _text(x, y + 13, f"{span.kind}{counted}", 'class="soft"')
    at, wide = BARS + (RIGHT - BARS) * span.began / whole, (RIGHT - BARS) * (span.ended - span.began) / whole
    yield f'<rect class="whole" x="{BARS}" y="{y - 8:.1f}" width="{RIGHT - BARS}" height="8" rx="2"/>'
    colour = "bill" if span.tokens and any(span.tokens) else "rest"
    yield f'<rect class="{colour}" x="{at:.1f}" y="{y - 8:.1f}" width="{max(wide, 1.5):.1f}" height="8" rx="1.5"/>'
    yield _text(RIGHT, y + 13, _took(span), 'class="soft" text-anchor="end"') + "</g>"


def _took(span: Span) -> str:
    took = 1000 * (span.ended - span.began)
    return "< 1 ms" if took < 1 else f"{took:.0f} ms"


def _lines(words: str, x: float) -> list[str]:
    return wrap(words, int((RIGHT - x) / LETTER))


def _text(x: float, y: float, words: str, extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}"{" " if extra else ""}{extra}>{escape(words)}</text>'

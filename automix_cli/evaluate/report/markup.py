"""HTML and JSON in which no text of an outcome can become anything but text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

_UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture that plotly draws; `says` tells what it shows, `table` is the same as a table."""

    name: str
    plot: dict[str, Any]
    says: str
    table: str
    height: int = 380


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page under its heading; `body` is HTML in which `{{name}}` stands for the figure of that name."""

    name: str
    title: str
    body: str
    figures: tuple[Figure, ...] = field(default=())

    def html(self) -> str:
        """The part as HTML, with its figures in their places."""
        body = self.body
        for figure in self.figures:
            body = body.replace(f"{{{{{figure.name}}}}}", _figure(figure))
        head = f'<h2 id="{self.name}-h">{text(self.title)}</h2>'
        return f'<section id="{self.name}" aria-labelledby="{self.name}-h">{head}{body}</section>'


def text(value: object) -> str:
    """Any text, as HTML shows it: braces too are spelt out, so that none stands for a figure."""
    clean = str(value).encode("utf-8", "replace").decode()
    return escape(clean).replace("{", "&#123;").replace("}", "&#125;")


def label(value: str, most: int = 28) -> str:
    """A name in a picture: plotly reads a few tags in its texts, and this leaves it none; cut where it is long."""
    short = value if len(value) <= most else f"{value[: most - 1]}…"
    return escape(" ".join(short.split()), quote=False)


def embedded(value: Any) -> str:
    """JSON that can stand in a script element: no text in it ends the element or begins a comment.

    Raises `ValueError` for NaN or an infinite number.
    """
    said = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return said.translate(_UNSAFE).encode("utf-8", "replace").decode()


def paragraph(words: str, kind: str = "") -> str:
    """A paragraph of plain words."""
    return f"<p{_kind(kind)}>{text(words)}</p>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str, kind: str = "") -> str:
    """A table of plain words, the first cell of each row its heading; it scrolls by itself where it is wide."""
    top = "".join(f'<th scope="col">{text(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{text(first)}</th>' + "".join(f"<td>{text(cell)}</td>" for cell in rest) + "</tr>"
        for first, *rest in rows
    )
    whole = f"<table><caption>{text(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide {kind}" role="region" aria-label="{text(caption)}" tabindex="0">{whole}</div>'


def details(summary: str, body: str) -> str:
    """HTML that is shown once it is asked for."""
    return f"<details><summary>{text(summary)}</summary>{body}</details>"


def _figure(figure: Figure) -> str:
    drawing = (
        f'<div class="plot" data-figure="{figure.name}" style="height:{figure.height}px" role="img" '
        f'aria-label="{text(figure.says)}"></div>'
    )
    same = details("The same as a table", figure.table)
    return f"<figure>{drawing}<figcaption>{text(figure.says)}</figcaption>{same}</figure>"


def _kind(kind: str) -> str:
    return f' class="{kind}"' if kind else ""

"""Options that several commands have, and how lists are typed."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

Repricing: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=IN/OUT[/CACHED]",
        help="USD per million tokens: costs anew from the recorded tokens.",
        show_default=False,
    ),
]


def listed(text: str) -> list[str]:
    """What is typed with commas between, without the spaces around; empty parts are none."""
    return [part.strip() for part in text.split(",") if part.strip()]

"""Asking before a download, where somebody is there to answer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from automix_cli.progress import size
from automix_cli.weights.fetch import remaining

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from automix_cli.weights.registry import Weights


def asking(yes: bool = False) -> Callable[[Sequence[Weights]], bool] | None:
    """What `ensure` is to ask before a download: a question on the terminal, or None, which asks nothing.

    Nothing is asked with `yes` (`--yes`), nor where standard input or standard error is not a terminal.
    """
    if yes or sys.stdin is None or not sys.stdin.isatty() or not sys.stderr.isatty():
        return None
    return _ask


def _ask(wanted: Sequence[Weights]) -> bool:
    """Show what a download would bring, ask, and return the answer: Enter or yes is yes, anything else no."""
    from automix_cli.weights.find import describe

    count = size(sum(remaining(weights) for weights in wanted))
    print(f"{describe(wanted)}\nDownload {count}? [Y/n] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        print(file=sys.stderr)
    return bool(answer) and answer.strip().lower() in ("", "y", "yes")

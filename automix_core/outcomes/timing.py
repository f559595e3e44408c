"""What waiting costs: outcomes whose costs count each second at what it is worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import ConfigError, DataError
from .columns import Columns

_NAMED = 3
_ROUND = 3
"""The place of `round` among the costs of a verdict."""


def timed(columns: Columns, worth: float) -> Columns:
    """`columns` with `worth` a second, in the unit of the costs, added to each answer and each round of checks.

    A round whose seconds were not recorded counts as it stands. Raises `ConfigError` where the costs are numbers of
    tokens, beside which money says nothing, `DataError` naming the outcomes in which the seconds of an answer are
    missing.
    """
    if worth == 0:
        return columns
    if _counts_tokens(columns):
        raise ConfigError(
            "What a second is worth is money, and the outcomes' costs are numbers of tokens: give the models' prices "
            "(--price NAME=IN/OUT), or collect with prices."
        )
    seconds = columns.seconds
    if seconds is None or (lacking := np.isnan(seconds).any(axis=1)).any():
        which = list(columns.ids) if seconds is None else [columns.ids[row] for row in np.flatnonzero(lacking)]
        named = ", ".join(map(repr, which[:_NAMED])) + (
            f" and {len(which) - _NAMED} more" if len(which) > _NAMED else ""
        )
        raise DataError(
            f"{len(which)} of {len(columns)} outcomes don't say how many seconds each answer took ({named}): collect "
            "them again, or count no seconds (--second-worth 0)."
        )
    costs = columns.verdict_cost.copy()
    if columns.verdict_seconds is not None:
        costs[..., _ROUND] += worth * np.nan_to_num(columns.verdict_seconds)
    return replace(columns, costs=columns.costs + worth * seconds, verdict_cost=costs)


def untimed_checks(columns: Columns) -> int:
    """In how many outcomes there are verdicts and nobody wrote how long they took."""
    checked = columns.recorded > 0
    if columns.verdict_seconds is not None:
        checked = checked & np.isnan(columns.verdict_seconds)
    return int(checked.any(axis=1).sum())


def _counts_tokens(columns: Columns) -> bool:
    if columns.tokens is None:
        return False
    known = ~np.isnan(columns.tokens)
    same = columns.costs[known] == columns.tokens[known]
    return bool(same.all() and columns.costs[known].any())

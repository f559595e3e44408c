"""What a policy has to know of time, from the outcomes that it was fitted on."""

from __future__ import annotations

import numpy as np

from ..decision import Policy
from ..evaluation.replay import Terms, replay
from ..outcomes.columns import Columns
from ..outcomes.timing import timed, untimed_checks
from ..policies.rounds import AT_ONCE
from ..policies.timed import Timed


def timed_policy(policy: Policy, columns: Columns, worth: float) -> tuple[Timed, list[str]]:
    """`policy` with what a second is worth, and notes for people.

    An answer that begins with the checks of a draft comes sooner by as long as a round of them takes, or by as long as
    the last model takes, whichever is less; both must be recorded. One more round of checks is worth the seconds that
    it takes, beside what reading the prompt again costs, over the price of one verdict.
    """
    done, last = replay(policy, columns), columns.models - 1
    escalated: list[float | None] = []
    sooner: list[float | None] = []
    for m in range(last):
        checked = done.used[:, m] > 0
        escalated.append(float((done.model[checked] != m).mean()) if checked.any() else None)
        sooner.append(_sooner(columns, checked, m, last))
    notes = []
    if lacking := untimed_checks(columns):
        notes.append(
            f"{lacking} of {len(columns)} outcomes don't say how long their checks took (verdict_seconds), so these "
            "count as taking no time: collect again."
        )
    return Timed(policy, worth, tuple(escalated), tuple(sooner), _rounds(columns, worth)[:last]), notes


def _rounds(columns: Columns, worth: float) -> tuple[float | None, ...]:
    """What one more round of checks of each model's drafts is worth, in verdicts; None where none was timed."""
    if columns.verdict_seconds is None:
        return (None,) * columns.models
    prices, told = Terms.over([timed(columns, worth)]).rounds, ~np.isnan(columns.verdict_seconds)
    return tuple(min(price, AT_ONCE) if told[:, m].any() else None for m, price in enumerate(prices))


def _sooner(
    columns: Columns, checked: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], m: int, last: int
) -> float | None:
    if columns.verdict_seconds is None or columns.seconds is None:
        return None
    least = np.minimum(columns.verdict_seconds[checked, m], columns.seconds[checked, last])
    known = least[~np.isnan(least)]
    return float(known.mean()) if known.size else None

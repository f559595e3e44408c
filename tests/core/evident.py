"""A draft with signals, and an estimator of one."""

from __future__ import annotations

from automix_core.decision import State, Tally, sorted_signals
from automix_core.evidence import Estimator, Term

RISING = Estimator([Term("support", 4.0, (0.0, 1.0), (0.0, 1.0))], bias=-2.0)


def drafted(**signals: float) -> State:
    """Model 0 of two has drafted, with these signals; eight verdicts can be drawn."""
    return State((True, False), (Tally(), Tally()), (8, 8), signals=(sorted_signals(signals), ()))

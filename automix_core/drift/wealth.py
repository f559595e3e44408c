"""A gambler's wealth: evidence against "nothing has changed" that stays honest however often it is looked at."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence


class Wealth:
    """What a stake of 1 has grown to by bets that are fair, or unfair to the gambler, while nothing has changed.

    `value` exceeds 1 / alpha with probability alpha at most, over an endless run (Ville's inequality). Each step some
    of the money that still sleeps is put on every one of `bets`, where it stays: so a change is found although it
    begins late. The share put down at step t is such that 1 / (t log(t)^2) of the stake is at work for a change that
    begins there; what that costs grows with the logarithm of the time only.

    A bet maps an observation to the factor by which money on it grows: 0 or more, with a mean of 1 or less under the
    hypothesis.
    """

    __slots__ = ("_asleep", "_at_work", "_bets", "_steps")

    def __init__(self, bets: Sequence[Callable[[float], float]]) -> None:
        self._bets = tuple(bets)
        self._at_work = [0.0] * len(self._bets)
        self._asleep = 1.0
        self._steps = 0

    @property
    def value(self) -> float:
        """The wealth now."""
        return self._asleep + sum(self._at_work)

    def bet(self, x: float) -> float:
        """Bet on the observation `x`; the wealth afterwards."""
        self._steps += 1
        woken = self._asleep - min(self._asleep, 1 / math.log(self._steps + math.e - 1) / 2)
        self._asleep -= woken
        share = woken / len(self._bets)
        for i, factor in enumerate(self._bets):
            self._at_work[i] = min(1e300, (self._at_work[i] + share) * factor(x))
        return self.value

"""Online conformal p-values: how a number ranks among all that came before it."""

from __future__ import annotations

BINS = 1024


class Ranks:
    """The ranks of numbers in [0, 1], one after the other, in fixed memory.

    `p(x, u)` is the share of all numbers so far (this one among them) below `x`, plus the share `u` of those equal to
    it. With `u` uniform in [0, 1) these p-values are independent and uniform as long as the numbers are exchangeable,
    whatever their distribution (Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random World", section 2.9).
    Numbers are put into `BINS` equal steps, which makes more ties and, as ties are broken at random, breaks nothing.
    """

    __slots__ = ("_seen", "_tree")

    def __init__(self) -> None:
        self._tree = [0] * (BINS + 1)  # a Fenwick tree: the counts of ranges of bins
        self._seen = 0

    def p(self, x: float, u: float) -> float:
        """The p-value of `x` in [0, 1], which is then remembered."""
        place = min(BINS - 1, int(x * BINS))
        below = self._up_to(place)
        equal = self._up_to(place + 1) - below + 1
        self._add(place)
        self._seen += 1
        return (below + u * equal) / self._seen

    def _up_to(self, place: int) -> int:
        """How many numbers lie in the bins before `place`."""
        count = 0
        while place > 0:
            count += self._tree[place]
            place &= place - 1
        return count

    def _add(self, place: int) -> None:
        place += 1
        while place <= BINS:
            self._tree[place] += 1
            place += place & -place

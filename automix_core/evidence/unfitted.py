"""Evidence without labels: fixed weights, for people who have none.

Each signal is brought to [0, 1], higher is safer, and the parts are averaged with the weights of `PARTS`:

    exp(logprob_sum / 3)         how likely the draft was: 0.6 at the median draft below
    support                      as it stands
    1 - echo                     words of the draft that don't repeat the question
    numbers all found            1 without unsupported numbers, 0 with one or more

The weights were set by hand (the two strong signals 2, the others 1) and looked at on 143 drafts of a 0.5B model
(benchmarks/evidence has the figures, and its transfer to sets kept apart). The result orders drafts; it is a
probability only after fitting.
"""

from __future__ import annotations

import math
from itertools import chain, combinations

from .estimator import Estimator, Evidence, Term

_SUMS = (-30.0, -12.0, -9.0, -7.0, -5.0, -4.0, -3.0, -2.5, -2.0, -1.5, -1.0, -0.5, 0.0)

PARTS: dict[str, tuple[float, tuple[float, ...], tuple[float, ...]]] = {
    "support": (2.0, (0.0, 1.0), (0.0, 1.0)),
    "logprob_sum": (2.0, _SUMS, tuple(math.exp(x / 3) for x in _SUMS)),
    "echo": (1.0, (0.0, 1.0), (1.0, 0.0)),
    "unsupported_numbers": (1.0, (0.0, 1.0), (1.0, 0.0)),
}
"""Signal: weight, and the points of its curve."""


def _mean(names: tuple[str, ...]) -> Estimator:
    whole = sum(PARTS[name][0] for name in names)
    return Estimator([Term(name, PARTS[name][0] / whole, *PARTS[name][1:]) for name in names], logistic=False)


_STRONG = ("support", "logprob_sum")


def _sets() -> list[tuple[str, ...]]:
    """Every mix with a strong signal at least, larger weights first."""
    names = list(PARTS)
    mixes = chain.from_iterable(combinations(names, size) for size in range(len(names), 0, -1))
    return sorted((mix for mix in mixes if set(mix) & set(_STRONG)), key=lambda mix: -sum(PARTS[n][0] for n in mix))


UNFITTED = Evidence([_mean(mix) for mix in _sets()])
"""Fixed-weight evidence from `support`, `logprob_sum`, `echo` and `unsupported_numbers`, as many as there are."""

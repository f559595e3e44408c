"""A dial: escalate a share of the traffic, whatever its evidence is worth."""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Mapping

from ..decision import Policy
from ..errors import ConfigError
from ..evidence.estimator import Evidence
from ..evidence.unfitted import UNFITTED
from .always import Always
from .evidence_threshold import EvidenceThreshold
from .problem import FREE

FIRST = 0.6
"""The evidence from which drafts are kept until there is traffic: half of a 0.5B model's drafts have more."""
_FEWEST = 20
"""Drafts before which there is no quantile to speak of."""


class Share:
    """Escalate about `share` of the calls: those whose drafts have the least evidence among recent ones.

    No labels are needed: the evidence has fixed weights unless another is given, and the cut is the quantile of the
    last `window` drafts' evidence. One `Share` may serve many cascades, threads and tasks; each call holds the frozen
    policy it began with. Of drafts with equal evidence all are kept or all escalate, so the share is met only as far as
    the evidence tells drafts apart.

    Raises `ConfigError` unless 0 <= share <= 1 and the window is a whole number from 1 on.

    >>> share = Share(0.4)
    >>> for evidence in range(100):
    ...     share.observe({"evidence": evidence / 100})
    >>> share.policy()
    EvidenceThreshold(0.4)
    """

    def __init__(self, share: float, *, evidence: Evidence = UNFITTED, window: int = 500) -> None:
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise ConfigError(f"Share(share) is the part of calls to escalate, a number from 0 to 1, not {share!r}.")
        if isinstance(window, bool) or not isinstance(window, int) or window < 1:
            raise ConfigError(
                f"Share(window) is how many drafts to remember, a whole number from 1 on, not {window!r}."
            )
        self.share, self.evidence, self.window = float(share), evidence, window
        self._recent: deque[float] = deque()
        self._ordered: list[float] = []
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Share({self.share:g})"

    def policy(self) -> Policy:
        """The rule at the moment: keep drafts with evidence at or above the quantile."""
        with self._lock:
            seen = len(self._ordered)
            keep = FIRST if seen < min(_FEWEST, self.window) else self._ordered[min(int(self.share * seen), seen - 1)]
        if self.share in (0.0, 1.0):
            return Always(0 if self.share == 0 else -1)
        return EvidenceThreshold(keep, evidence=self.evidence)

    def observe(self, signals: Mapping[str, float]) -> None:
        """Remember the evidence of one more draft; one without the signals it needs says nothing."""
        value = signals[FREE] if FREE in signals else self.evidence.of(signals)
        if value is None:
            return
        with self._lock:
            self._recent.append(value)
            insort(self._ordered, value)
            if len(self._recent) > self.window:
                del self._ordered[bisect_left(self._ordered, self._recent.popleft())]

    def check_models(self, models: int) -> None:
        """It fits a cascade of any number of models."""

"""One thing done in a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from ..decision import Tally
from .effects import Checks, Dropped, Failure, Measured, Reply
from .record import StepRecord


@dataclass(frozen=True, slots=True)
class Step:
    """`do` is draft, verify, measure, hedge, accept or finish; `result` what came of it, None for accept.

    A hedge is an answer begun before it was known to be needed; its `result` is None where it became the call's answer,
    whose tokens are then those of the step that finishes. `n` is how many verdicts were asked for, `name` the signal
    that was measured.
    """

    do: str
    model: int
    n: int | None = None
    result: Reply | Checks | Measured | Dropped | Failure | None = None
    name: str | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took; None where nobody measured."""
        return 0.0 if self.do == "accept" else getattr(self.result, "seconds", None)

    @property
    def problem(self) -> str:
        """Why the answer that it gave can't be kept, or ""."""
        return self.result.problem if isinstance(self.result, Reply) else ""

    def to_dict(self) -> StepRecord:
        """The step as a route records it."""
        plain: StepRecord = {"do": cast("Any", self.do), "model": self.model}
        if self.do == "verify":
            plain["n"] = self.n or 0
            plain["verdicts"] = (self.result.tally if isinstance(self.result, Checks) else Tally()).to_dict()
        if self.do == "measure":
            plain["name"] = self.name or ""
            plain["value"] = self.result.value if isinstance(self.result, Measured) else None
        if self.do == "hedge":
            plain["used"] = self.result is None
        if self.problem:
            plain["problem"] = self.problem
        seconds = self.seconds
        plain["seconds"] = None if seconds is None else round(seconds, 6)
        return plain

"""What happens to one question in the demo, whichever framework asks it, and what was timed meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from automix_core.route import Route

from .corpus import Passage, Question


@dataclass(frozen=True, slots=True)
class Found:
    """Event: the passages retrieved, the best first."""

    passages: Sequence[Passage]


@dataclass(frozen=True, slots=True)
class Said:
    """Event: a piece of the answer; a kept draft comes in one piece."""

    text: str


@dataclass(frozen=True, slots=True)
class Drafted:
    """Event: a model has written an answer that may still be rejected."""

    model: int
    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Checked:
    """Event: a draft has been checked; one verdict (1, 0, or None for unreadable) and one text a check."""

    model: int
    verdicts: Sequence[int | None]
    texts: Sequence[str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Decided:
    """Event: the policy has decided on a checked draft: accept, verify (check it again) or escalate."""

    action: str
    model: int
    reason: str


@dataclass(frozen=True, slots=True)
class Answering:
    """Event: a model has begun to write the final answer."""

    model: int


@dataclass(frozen=True, slots=True)
class Span:
    """One request to a model: the step it served (draft, verify, answer), and when it ran, in seconds."""

    step: str
    model: int
    start: float
    end: float


Event: TypeAlias = Found | Drafted | Checked | Decided | Answering | Said


class Times:
    """When which model worked, and what came of it; `show` is told as it happens.

    Requests of concurrent checks overlap: `seconds` counts the time in which at least one was running.
    """

    def __init__(self, show: Callable[[Any], None] = lambda event: None) -> None:
        self.spans: list[Span] = []
        self.drafts: list[Drafted] = []
        self.checks: list[Checked] = []
        self._show = show

    def seconds(self, step: str | None = None, model: int | None = None) -> float:
        """Seconds in which a request of this step and model (None: of any) was running."""
        busy, until = 0.0, 0.0
        for span in sorted(self.spans, key=lambda span: span.start):
            if step in (None, span.step) and model in (None, span.model) and span.end > until:
                busy += span.end - max(span.start, until)
                until = span.end
        return busy


@dataclass(frozen=True, slots=True)
class Asked:
    """What happened to one question. Seconds are measured around each model's calls, `seconds` around all of it."""

    question: Question
    passages: Sequence[Passage]
    answer: str
    route: Route
    meter: Times
    seconds: float

"""What happens to one question in the demo, whichever framework asks it, and what was timed meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeAlias

from automix_core.decision import Decision, State
from automix_core.routing.route import Route

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
class Verdict:
    """Event: one check that was a request of its own has come back; what all of them said follows as `Checked`."""

    model: int
    verdict: int | None


@dataclass(frozen=True, slots=True)
class Checked:
    """Event: a draft has been checked; one verdict (1, 0, or None for unreadable) and one text a check."""

    model: int
    verdicts: Sequence[int | None]
    texts: Sequence[str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Weighed:
    """Event: the policy has looked at a history, with what it expects of each action; `used` are its signals."""

    state: State
    decision: Decision
    used: tuple[str, ...] = ()


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


Show: TypeAlias = Callable[[Any], None]


class Times:
    """When which model worked, and what came of it; `tell` hands events on as they happen.

    Requests of concurrent checks overlap: `seconds` counts the time in which at least one was running. `shown` is the
    time that was spent on showing, which is nobody's work.
    """

    def __init__(self, show: Show = lambda event: None) -> None:
        self.spans: list[Span] = []
        self.drafts: list[Drafted] = []
        self.checks: list[Checked] = []
        self.shown = 0.0
        self._show = show

    def tell(self, event: Event) -> None:
        """Keep drafts and checks, and show the event."""
        if isinstance(event, Drafted):
            self.drafts.append(event)
        elif isinstance(event, Checked):
            self.checks.append(event)
        started = perf_counter()
        self._show(event)
        self.shown += perf_counter() - started

    def seconds(self, step: str | None = None, model: int | None = None) -> float:
        """Seconds in which a request of this step and model (None: of any) was running."""
        busy, until = 0.0, 0.0
        for span in sorted(self._of(step, model), key=lambda span: span.start):
            if span.end > until:
                busy += span.end - max(span.start, until)
                until = span.end
        return busy

    def calls(self, step: str | None = None, model: int | None = None) -> int:
        """Requests of this step and model (None: of any), failed ones too."""
        return len(self._of(step, model))

    def _of(self, step: str | None, model: int | None) -> list[Span]:
        return [span for span in self.spans if step in (None, span.step) and model in (None, span.model)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What happened to one question; as an event: the cascade is done with it.

    Seconds are measured around each model's calls, `seconds` around all of it.
    """

    question: Question
    passages: Sequence[Passage]
    answer: str
    route: Route
    meter: Times
    seconds: float


Event: TypeAlias = Found | Drafted | Verdict | Checked | Weighed | Decided | Answering | Said | Asked

"""What a person sees of each question: plain text where it is piped, colours and moving parts in a terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from threading import RLock

from rich.console import Console
from rich.live import Live
from rich.rule import Rule
from rich.text import Text

from . import rows
from .corpus import Passage, Question
from .events import Answering, Asked, Checked, Decided, Drafted, Event, Found, Said, Verdict, Weighed
from .grading import right
from .session import Answered

PACE = 0.07
"""Seconds between verdicts that came together, in a terminal: for the eye, and counted nowhere."""


class View:
    """Writes one question after the other to a console; `names` are the models', cheapest first.

    In a terminal verdicts appear one by one, the answer as it is written, and a mark turns while a model works; use it
    as a context manager, so that all of that ends with it.
    """

    def __init__(self, console: Console, names: Sequence[str]) -> None:
        self.console, self.names = console, names
        self._ascii = rows.plain(console)
        self._moving: ExitStack = ExitStack()
        self._live: Live | None = None
        self._lock = RLock()  # checks that are separate requests come back in threads of their own
        self._begin(None)

    def _begin(self, question: Question | None) -> None:
        self._question, self._passages = question, ""
        self._decided = False
        self._unweighed = True  # the draft's evidence is not shown yet
        self._answer, self._author = "", "the draft, kept"
        self._verdicts: list[int | None] = []  # of the batch under way
        self._drawn: list[int | None] = []  # on this draft, before that batch

    def __enter__(self) -> View:
        return self

    def __exit__(self, *_: object) -> None:
        self._rest()

    def opening(self, passages: int, questions: int | None, source: str = "a handbook", k: int = 8) -> None:
        """Who answers, from what, checked how often at most; None for questions that are still to be typed."""
        small, *_, large = self.names
        self.console.print(Text("AutoMix demo", style="bold"))
        many = "" if questions is None else f" {questions} question{'s' * (questions != 1)}."
        self.console.print(
            f"{small} answers from {passages} passages of {source} and checks its answer against them, up to {k} "
            f"times. Where the checks speak against it, {large} answers.{many}",
            highlight=False,
            markup=False,
        )

    def ask(self, number: int, of: int | None, question: Question) -> None:
        """The next question."""
        self._begin(question)
        title = Text().append(f"{number}/{of}  " if of else f"{number}  ", "dim").append(question.question, "bold")
        if question.kind:
            title.append(f"  ({question.kind})", style="dim")
        self.console.print()
        self.console.print(Rule(style="dim", characters="-" if self._ascii else "─"))
        self.console.print(title)

    def show(self, event: Event) -> None:
        """One thing that happened."""
        with self._lock:
            self._show(event)

    def _show(self, event: Event) -> None:
        match event:
            case Found(passages=passages):
                self._found(passages)
                self._wait(f"{self.names[0]} drafts an answer")
            case Drafted(model=model, text=text, seconds=seconds):
                self._drawn, self._unweighed = [], True
                self._row("draft", self._said(text), f"{self.names[model]}, {seconds:.1f} s")
                self._wait(f"{self.names[model]} checks its draft")
            case Verdict(verdict=verdict):
                self._mark(verdict)
            case Checked(verdicts=verdicts, seconds=seconds):
                self._checked(verdicts, seconds)
            case Weighed():
                self._policy(event)
            case Decided(action=action, reason=reason):
                self._decide(action, reason)
            case Answering(model=model):
                self._author = self.names[model]
                self._wait(f"{self._author} answers")
            case Said(text=text):
                self._say(text)
            case Asked():
                self._answered(event)

    def alone(self, model: int) -> None:
        """The same question now goes to one model alone."""
        self._wait(f"for comparison, {self.names[model]} answers alone")

    def done(self, answered: Answered) -> None:
        """What each model alone answered."""
        self._rest()
        for model, run in enumerate(answered.alone):
            self._alone("" if model else "alone", self.names[model], run)

    def _answered(self, asked: Asked) -> None:
        """The rest of what the cascade did: its answer, and what it took."""
        route = asked.route
        if not self._decided:
            self._decide(route.action, route.reason)
        self._row("answer", self._said(asked.answer or "(empty)"), self._author)
        if asked.question.answers:
            expected = Text().append(asked.question.answers[0], "dim")
            graded = rows.rightness(right(asked.question, asked.answer))
            self._row("expected", expected.append("  ").append_text(graded))
        took = Text().append(route.action, rows.STYLES.get(route.action, ""))
        took.append(f"  {rows.tokens(route.usage['total'])}", style="dim")
        self._row("route", took, f"{asked.meter.seconds():.1f} s")
        for error in route.errors:
            self._row("error", Text(error, style="red"))

    def _found(self, passages: Sequence[Passage]) -> None:
        question = self._question.question if self._question else ""
        self._passages = " ".join(passage.content for passage in passages)
        for place, passage in enumerate(passages):
            line = rows.passage(passage, question)
            self.console.print(rows.row("" if place else "found", line, short=place > 0))
        if not passages:
            self._row("found", Text("nothing"))

    def _said(self, text: str) -> Text:
        """A model's words, those that stand in the passages underlined."""
        return rows.marked(text, self._passages, "underline") if self._passages else Text(" ".join(text.split()))

    def _mark(self, verdict: int | None) -> None:
        self._verdicts.append(verdict)
        if self.console.is_terminal:
            self._live_row("verdicts", rows.marks([*self._drawn, *self._verdicts], self._ascii))

    def _checked(self, verdicts: Sequence[int | None], seconds: float) -> None:
        if self.console.is_terminal:
            for shown in range(len(self._verdicts) + 1, len(verdicts) + 1):
                self._live_row("verdicts", rows.marks([*self._drawn, *verdicts[:shown]], self._ascii))
                time.sleep(PACE)
        self._rest()
        self._verdicts = []
        self._drawn += verdicts
        line = rows.marks(self._drawn, self._ascii).append(f" {rows.counted(self._drawn)}")
        self._row("verdicts", line, f"{seconds:.1f} s")

    def _policy(self, weighed: Weighed) -> None:
        """What is expected of each action; of a rule, only once there is something to hold against it."""
        if self._unweighed and (known := rows.evidence(weighed)) is not None:
            self._row("evidence", *known)
            self._unweighed = False
        line = rows.expectation(weighed, self.names, self._ascii)
        if line is not None:
            self._row("policy", line)

    def _decide(self, action: str, reason: str) -> None:
        self._decided = True
        self._row("decision", Text(reason, style=rows.STYLES.get(action, "")))
        if action == "verify":
            self._wait("more checks")

    def _alone(self, label: str, name: str, run: Asked | None) -> None:
        if run is None:
            self._row(label, Text(f"{name}: failed", style="red"))
            return
        line = Text().append(f"{name}: ", "dim").append_text(Text(" ".join(run.answer.split()) or "(empty)"))
        graded = rows.rightness(right(run.question, run.answer))
        if graded:
            line.append("  ").append_text(graded)
        self._row(label, line, f"{run.meter.seconds():.1f} s")

    def _say(self, text: str) -> None:
        self._answer += text
        if self.console.is_terminal:
            self._live_row("answer", Text(self._answer))

    def _live_row(self, label: str, content: Text) -> None:
        if self._live is None:
            self._rest()
            self._live = self._moving.enter_context(Live(console=self.console, transient=True, refresh_per_second=12))
        self._live.update(rows.row(label, content), refresh=True)

    def _wait(self, what: str) -> None:
        self._rest()
        if self.console.is_terminal:
            self._moving.enter_context(self.console.status(Text(f"{what} ...", style="dim"), spinner="line"))

    def _rest(self) -> None:
        """Ends whatever moves."""
        self._live = None
        self._moving.close()

    def _row(self, label: str, content: Text, note: str = "") -> None:
        self._rest()
        self.console.print(rows.row(label, content, note))

"""What a person sees of the demo: plain text where it is piped, colours and waiting marks in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from .corpus import Question
from .demo_events import Answering, Asked, Checked, Decided, Drafted, Event, Found, Said
from .demo_totals import STEPS, models_of
from .retrieval import excerpt

LABEL = 10
PAST = {
    "accept": "accepted",
    "escalate": "escalated",
    "direct": "answered unchecked",
    "bypass": "passed by",
    "fallback": "handed over after a failure",
}
STYLES = {"accept": "green", "escalate": "yellow", "fallback": "red"}


class View:
    """Writes one question after the other to a console; `names` are the models', cheapest first.

    In a terminal the answer appears as it is written and a mark turns while a model works; use it as a context manager,
    so that both end with it.
    """

    def __init__(self, console: Console, names: Sequence[str]) -> None:
        self.console = console
        self.names = names
        self._question: Question | None = None
        self._decided = False
        self._answer = ""
        self._author = ""
        self._moving: ExitStack = ExitStack()
        self._live: Live | None = None

    def __enter__(self) -> View:
        return self

    def __exit__(self, *_: object) -> None:
        self._rest()

    def opening(self, passages: int, questions: int) -> None:
        """Who answers, from what."""
        small, *_, large = self.names
        self.console.print(Text("AutoMix demo", style="bold"))
        self.console.print(
            f"{small} answers from {passages} passages and checks its own answer eight times against them. "
            f"Where too few checks say correct, {large} answers. {questions} questions.",
            highlight=False,
        )

    def ask(self, number: int, of: int, question: Question) -> None:
        """The next question."""
        self._question, self._decided, self._answer, self._author = question, False, "", "the draft, kept"
        self.console.print()
        title = Text(f"{number}/{of}  {question.question}", style="bold")
        if question.kind:
            title.append(f"  ({question.kind})", style="dim")
        self.console.print(title)

    def show(self, event: Event) -> None:
        """One thing that happened."""
        match event:
            case Found(passages=passages):
                for place, passage in enumerate(passages):
                    line = Text(f"{passage.title}: ", style="italic")
                    line.append(excerpt(passage, self._question.question if self._question else ""), style="dim")
                    self._row("" if place else "found", line)
                if not passages:
                    self._row("found", Text("nothing"))
                self._wait(f"{self.names[0]} drafts an answer")
            case Drafted(model=model, text=text, seconds=seconds):
                self._row("draft", _with(text, f"{self.names[model]}, {seconds:.1f} s"))
                self._wait(f"{self.names[model]} checks its draft")
            case Checked(verdicts=verdicts, seconds=seconds):
                self._row("verdicts", self._verdicts(verdicts, seconds))
            case Decided(action=action, reason=reason):
                self._decide(action, reason)
            case Answering(model=model):
                self._author = self.names[model]
                self._wait(f"{self._author} answers")
            case Said(text=text):
                self._say(text)

    def done(self, asked: Asked) -> None:
        """The rest of a question: its answer and what it took."""
        route = asked.route
        if not self._decided:
            self._decide(route.action, route.reason)
        self._rest()
        self._row("answer", _with(asked.answer or "(empty)", self._author))
        if asked.question.answers:
            self._row("expected", Text(asked.question.answers[0], style="dim"))
        style = STYLES.get(route.action, "")
        took = Text(route.action, style=style).append(f"  {_tokens(route.usage['total'])}, ", style="dim")
        parts = [
            f"{asked.meter.seconds(model=model):.1f} s {name}"
            for model, name in enumerate(self.names)
            if asked.meter.seconds(model=model)
        ]
        self._row("route", took.append(" + ".join(parts) or "no model ran", style="dim"))
        for error in route.errors:
            self._row("error", Text(error, style="red"))

    def closing(self, answered: Sequence[Asked], totals: Mapping[str, Any]) -> None:
        """What the run took in all, and whether it was worth it."""
        self.console.print()
        self.console.print(Rule(style="dim", characters="-" if self._ascii else "─"))
        counted = ", ".join(f"{number} {PAST[action]}" for action, number in sorted(totals["actions"].items()))
        self.console.print(f"{totals['questions']} questions: {counted}.", highlight=False)
        self.console.print(self._table(answered, totals))
        if totals["tokens"]["estimated"]:
            self.console.print(Text("Tokens of checks are estimated: the server counts one of eight.", style="dim"))
        self.console.print(verdict_on_time(totals, self.names[-1]), highlight=False)

    def _table(self, answered: Sequence[Asked], totals: Mapping[str, Any]) -> Padding:
        table = Table(box=None, pad_edge=False, show_header=True, header_style="dim")
        for name in ("step", "model"):
            table.add_column(name, overflow="fold")
        for name in ("tokens in", "tokens out", "seconds"):
            table.add_column(name, justify="right", no_wrap=True)
        tokens, seconds = totals["tokens"], totals["seconds"]
        for step in STEPS:
            models = " + ".join(self.names[model] for model in models_of(answered, step))
            if models:
                table.add_row(step, models, *_cells(tokens["by_step"][step]), f"{seconds['by_step'][step]:.1f}")
        table.add_section()
        for model, name in enumerate(self.names):
            usage, spent = tokens["by_model"][model], seconds["by_model"][model]
            table.add_row("" if model else "in all", name, *_cells(usage), f"{spent:.1f}")
        return Padding(table, (1, 0))

    def _verdicts(self, verdicts: Sequence[int | None], seconds: float) -> Text:
        good, bad = ("+", "-") if self._ascii else ("✓", "✗")
        marks = {1: (good, "green"), 0: (bad, "red"), None: ("?", "dim")}
        line = Text()
        for verdict in verdicts:
            line.append(*marks[verdict]).append(" ")
        counts = [
            (verdicts.count(1), "correct"),
            (verdicts.count(0), "incorrect"),
            (verdicts.count(None), "unreadable"),
        ]
        said = ", ".join(f"{count} {word}" for count, word in counts if count) or "none"
        readable = counts[0][0] + counts[1][0]
        confidence = f"confidence {counts[0][0] / readable:.2f}" if readable else "no confidence"
        return line.append(f" {said}: {confidence}").append(f"  ({seconds:.1f} s)", style="dim")

    def _decide(self, action: str, reason: str) -> None:
        self._decided = True
        self._row("decision", Text(reason, style=STYLES.get(action, "")))

    def _say(self, text: str) -> None:
        self._answer += text
        if not self.console.is_terminal:
            return
        if self._live is None:
            self._rest()
            self._live = self._moving.enter_context(Live(console=self.console, transient=True, refresh_per_second=12))
        self._live.update(_grid("answer", Text(self._answer)))

    def _wait(self, what: str) -> None:
        self._rest()
        if self.console.is_terminal:
            self._moving.enter_context(self.console.status(Text(f"{what} ...", style="dim"), spinner="line"))

    def _rest(self) -> None:
        """Ends whatever moves."""
        self._live = None
        self._moving.close()

    def _row(self, label: str, content: Text) -> None:
        self.console.print(_grid(label, content))

    @property
    def _ascii(self) -> bool:
        return not self.console.encoding.lower().startswith("utf")


def verdict_on_time(totals: Mapping[str, Any], large: str) -> str:
    """In one sentence, whether the cascade was faster than the large model alone: as far as this run can tell."""
    mean, alone = totals["seconds"]["per_question"], totals["large_alone"]
    if mean is None or not alone["questions"]:
        return f"{large} never answered, so this run can't tell whether the cascade is faster than {large} alone."
    own = alone["seconds_per_question"]
    measured = (
        f"The cascade took {mean:.1f} s a question; where {large} answered, its own answer took {own:.1f} s "
        f"(mean of {alone['questions']})."
    )
    if mean > own:
        return f"{measured} On this machine {large} alone is faster: the checks cost more than its answer saves."
    return f"{measured} On this machine the cascade is faster than {large} alone."


def _grid(label: str, content: Text) -> Padding:
    grid = Table.grid(padding=0)
    grid.add_column(width=LABEL, no_wrap=True)
    grid.add_column()
    grid.add_row(Text(label, style="cyan"), content)
    return Padding(grid, (0, 0, 0, 2))


def _with(text: str, note: str) -> Text:
    return Text(" ".join(text.split())).append(f"  ({note})", style="dim")


def _tokens(usage: Mapping[str, int] | None) -> str:
    return "tokens unknown" if usage is None else f"{usage['input_tokens']:,} + {usage['output_tokens']:,} tokens"


def _cells(usage: Mapping[str, int] | None) -> tuple[str, str]:
    return ("?", "?") if usage is None else (f"{usage['input_tokens']:,}", f"{usage['output_tokens']:,}")

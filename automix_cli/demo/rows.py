"""The lines that the demo's screens are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from automix_core.decision import Accept, Action, Draft, Finish, Measure, Verify
from automix_core.evidence import UNFITTED
from automix_core.policies.explain import best_of_each
from automix_core.usage import Tokens

from .corpus import Passage
from .events import Weighed
from .retrieval import excerpt, shared

LABEL = 11
BAR = 24
STYLES = {"accept": "green", "escalate": "yellow", "fallback": "red"}
MARKS = {1: ("✓", "+", "green"), 0: ("✗", "-", "red"), None: ("?", "?", "yellow")}


def plain(console: Console) -> bool:
    """Whether the console can't show more than ASCII."""
    return not console.encoding.lower().startswith("utf")


def row(label: str, content: Text, note: str = "", *, short: bool = False) -> Padding:
    """A label, what it is about, and a note at the right edge; `short` cuts the content to one line."""
    fills = bool(note) or short
    grid = Table.grid(padding=(0, 1, 0, 0), expand=fills)
    grid.add_column(width=LABEL, min_width=LABEL, no_wrap=True)
    grid.add_column(ratio=1 if fills else None, no_wrap=short, overflow="ellipsis" if short else "fold")
    cells: list[Text] = [Text(label, style="cyan"), content]
    if note:
        grid.add_column(justify="right", no_wrap=True)
        cells.append(Text(note, style="dim"))
    grid.add_row(*cells)
    return Padding(grid, (0, 0, 0, 2))


def passage(found: Passage, question: str) -> Text:
    """The title and the sentence that says most about the question, with the words they share marked."""
    sentence = excerpt(found, question)
    return Text().append(f"{found.title}: ", "italic").append_text(marked(sentence, question, "bold", "dim"))


def marked(text: str, other: str, style: str, rest: str = "") -> Text:
    """`text` on one line, with the words that `other` has too in another style."""
    line = Text(" ".join(text.split()))
    last = 0
    for start, end in [*shared(line.plain, other), (len(line), len(line))]:
        line.stylize(rest, last, start)
        line.stylize(style, start, end)
        last = end
    return line


def marks(verdicts: Sequence[int | None], ascii_only: bool) -> Text:
    """A mark for each verdict."""
    line = Text()
    for verdict in verdicts:
        good, poor, style = MARKS[verdict]
        line.append(poor if ascii_only else good, style).append(" ")
    return line


def counted(verdicts: Sequence[int | None]) -> str:
    """What the readable verdicts say together, and the confidence."""
    correct, readable = verdicts.count(1), len(verdicts) - verdicts.count(None)
    if not readable:
        return f"{len(verdicts)} unreadable: no confidence"
    return f"{correct} of {readable} say correct: confidence {correct / readable:.2f}"


def expectation(weighed: Weighed, names: Sequence[str], ascii_only: bool) -> Text | None:
    """What the policy expects of each action, as far as it says."""
    values = weighed.decision.values
    if "expected" in values:
        ranked = best_of_each(values["expected"])
        line = Text()
        for place, (action, value) in enumerate(ranked):
            line.append(", " if place else "").append(f"{_action(action, names)} {value:.3f}", "" if place else "bold")
        return line.append("  (expected score less cost)", "dim")
    confidence = values.get("confidence")
    if confidence is None or "threshold" not in values:
        return None
    keeps = f"  keeps from {values['threshold']:g} on"
    return _bar(confidence, values["threshold"], ascii_only).append(keeps, "dim")


def evidence(weighed: Weighed) -> tuple[Text, str] | None:
    """What is known about the latest draft without a check, and how likely that makes it, where the policy says so.

    Shown are the signals that the policy uses; of one that uses none, those that have fixed weights.
    """
    state = weighed.state
    if state.latest is None or not (known := state.signals_of(state.latest)):
        return None
    names = [name for name in weighed.used or UNFITTED.names if name in known]
    likely = weighed.decision.values.get("evidence") if weighed.used else None
    note = "" if likely is None else f"right with {likely:.2f}"
    return (Text(", ".join(f"{name} {known[name]:.2f}" for name in names)), note) if names else None


def _bar(confidence: float, threshold: float, ascii_only: bool) -> Text:
    full, empty, stop = "#.|" if ascii_only else "━─┃"
    filled, at = round(confidence * BAR), min(round(threshold * BAR), BAR)
    style = "green" if confidence >= threshold else "red"
    line = Text()
    for cell in range(BAR + 1):
        if cell == at:
            line.append(stop, "bold")
        if cell < BAR:
            line.append(full if cell < filled else empty, style if cell < filled else "dim")
    return line


def _action(action: Action, names: Sequence[str]) -> str:
    """An action in the demo's words."""
    match action:
        case Accept():
            return "keep the draft"
        case Finish(model):
            return f"let {names[model]} answer"
        case Draft(model):
            return f"draft by {names[model]}"
        case Verify(_, n):
            return f"{n} more verdict{'s' * (n != 1)}"
        case Measure(_, name):
            return f"get {name}"


def tokens(usage: Tokens | Mapping[str, int] | None) -> str:
    """Tokens read and written."""
    return "tokens unknown" if usage is None else f"{usage['input_tokens']:,} + {usage['output_tokens']:,} tokens"


def rightness(right: bool | None) -> Text:
    """Whether an answer holds the expected fact."""
    return Text() if right is None else Text("right", "green") if right else Text("wrong", "red")


def number(value: Any, pattern: str = ",") -> str:
    """A figure, or a question mark where it is unknown."""
    return "?" if value is None else format(value, pattern)

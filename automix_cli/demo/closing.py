"""What a person sees at the end: the bottom line, the two ledgers, and in words when and why AutoMix loses here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from .advice import advice
from .measured import STEPS, measured, models_of
from .outlook import on_price, on_quality, on_time
from .priced import priced
from .rows import number, plain
from .session import Answered

PAST = {
    "accept": "accepted",
    "escalate": "escalated",
    "direct": "answered unchecked",
    "bypass": "passed by",
    "fallback": "handed over after a failure",
}
WIDE = 74
"""Columns of a terminal from which on a ledger names the models and has seconds a question."""
DOING = {"draft": "drafts", "verify": "checks", "answer": "answers"}


def close(
    console: Console,
    names: Sequence[str],
    answered: Sequence[Answered],
    prices: Sequence[float],
    compared: Mapping[str, Any] | None = None,
) -> None:
    """Print the bottom line, both ledgers of what was asked, and what they mean."""
    ledger = measured(answered, len(names))
    bill = priced(ledger, prices)
    count = ledger["questions"]
    said = ", ".join(f"{many} {PAST[action]}" for action, many in sorted(ledger["actions"].items()))
    console.print()
    console.print(Rule(style="dim", characters="-" if plain(console) else "─"))
    console.print(Text(advice(answered, names, prices).sentence, style="bold"))
    console.print(Text(f"{count} question{'s' * (count != 1)}: {said}."))
    wide = console.width >= WIDE
    short = (names[0], names[-1]) if wide else ("small", "large")
    _print(console, "Measured", "what the models did on this run", _measured(answered, short, ledger, wide))
    if ledger["tokens"]["estimated"]:
        console.print(Text("Tokens of checks are estimated: the server counts one choice of several.", style="dim"))
    ratio = "" if bill["ratio"] is None else f" (1 : {bill['ratio']:g})"
    example = f"{bill['small']:g} and {bill['large']:g} USD per million{ratio}"
    _print(console, "Priced", f"the same tokens at example prices, {example}", _priced(short, bill))
    if compared and compared["policies"]:
        _print(
            console, "Compared", "the same drafts, signals and verdicts, decided by two policies", _compared(compared)
        )
    if compared and compared["left_out"]:
        console.print(Text(f"Left out, as not all was recorded: {', '.join(compared['left_out'])}.", style="dim"))
    console.print()
    console.print(Text("In short", style="bold cyan"))
    for sentence in filter(None, (on_quality(ledger, names), on_time(ledger, names), on_price(bill, names))):
        console.print(Padding(Text(sentence), (0, 0, 0, 2)))


def _print(console: Console, title: str, about: str, table: Table) -> None:
    console.print()
    console.print(Text().append(title, "bold cyan").append(f"  {about}", "dim"))
    console.print(Padding(table, (0, 0, 0, 2)))


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, show_header=True, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _measured(answered: Sequence[Answered], names: Sequence[str], ledger: Mapping[str, Any], wide: bool) -> Table:
    right, graded = ledger["right"], ledger["right"]["of"] > 0
    heads = ["calls", "tokens in", "out", "seconds", *(["a question"] if wide else []), *(["right"] if graded else [])]
    table = _table("", *heads)

    def line(name: str, figures: Sequence[Any], way: str = "", style: str = "") -> None:
        calls, usage, seconds, mean = figures
        cells = [number(calls), *_cells(usage), f"{seconds:.1f}"]
        if wide:
            cells.append(number(mean, ".1f") if way else "")
        table.add_row(name, *cells, *([number(right[way]) if way else ""] if graded else []), style=style)

    def single(name: str, way: str) -> None:
        found = ledger[way]
        line(name, (found["calls"], found["tokens"], found["seconds"], found["seconds_per_question"]), way)

    calls, tokens, seconds = ledger["calls"], ledger["tokens"], ledger["seconds"]
    single(f"{names[0]} alone", "always_small")
    single(f"{names[-1]} alone", "always_large")
    line("AutoMix", (calls["total"], tokens["total"], seconds["total"], seconds["per_question"]), "cascade", "bold")
    for step in STEPS:
        models = " + ".join("large" if model else "small" for model in models_of(answered, step))  # names don't fit
        if models:
            figures = (calls["by_step"][step], tokens["by_step"][step], seconds["by_step"][step], None)
            line(f"  {DOING[step]}, {models}", figures, style="dim")
    return table


def _priced(names: Sequence[str], bill: Mapping[str, Any]) -> Table:
    table = _table("", "USD", f"of {names[-1]} alone")
    whole = bill["always_large"]["total"]
    ways = ((f"{names[0]} alone", "always_small"), (f"{names[-1]} alone", "always_large"), ("AutoMix", "cascade"))
    for name, way in ways:
        cost = bill[way]["total"]
        share = None if cost is None or not whole else cost / whole
        table.add_row(
            name,
            number(cost, ".6f"),
            "?" if share is None else f"{100 * share:.0f} %",
            style="bold" if way == "cascade" else "",
        )
    return table


def _compared(compared: Mapping[str, Any]) -> Table:
    policies = compared["policies"]
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("question", overflow="fold")
    for policy in policies:
        table.add_column(f"{policy['name']}: {policy['policy']}", overflow="fold")
    for rows in zip(*(policy["questions"] for policy in policies), strict=True):
        table.add_row(rows[0]["id"], *(_done(row) for row in rows))
    table.add_section()
    table.add_row("drafts kept", *(number(policy["kept"]) for policy in policies), style="bold")
    table.add_row("verdicts drawn", *(number(policy["verdicts"]) for policy in policies))
    if all(policy["right"] is not None for policy in policies):
        table.add_row("right", *(number(policy["right"]) for policy in policies))
    table.add_row("USD, priced", *(number(policy["cost"], ".6f") for policy in policies))
    return table


def _done(row: Mapping[str, Any]) -> str:
    graded = "" if row["right"] is None else ", right" if row["right"] else ", wrong"
    return f"{'kept' if row['kept'] else 'escalated'}, {row['verdicts']} verdicts{graded}"


def _cells(usage: Mapping[str, int] | None) -> tuple[str, str]:
    return ("?", "?") if usage is None else (f"{usage['input_tokens']:,}", f"{usage['output_tokens']:,}")

"""`automix explain`: a saved policy as a table that a person can read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automix_cli.explain.shortly import rules, shortly
from automix_cli.printing import print_json, say
from automix_core.decision import Accept, Action, Draft, Finish, Measure, Tally, Verify
from automix_core.policies.explain import Row, best_of_each, label
from automix_core.policies.explain import explain as rows_of
from automix_core.policies.saving import PolicyFile, load_policy_file
from automix_core.policies.timed import second_worth_of

if TYPE_CHECKING:
    from rich.table import Table

_WIDE = 150
_FOOTNOTE = (
    "A value is the expected score less cost weight x cost of what is still to be paid. Keeping a draft is worth its "
    "expected score; a model's answer its expected score less its price; more verdicts what the best "
    "action after them is worth on average, less their price."
)


def explain(
    policy: Annotated[Path, typer.Argument(help="A saved policy.", show_default=False)],
    details: Annotated[
        bool, typer.Option("--details", help="What is done after every number of verdicts, with its values and why.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Details of what no question is expected to reach too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """The rule in one sentence and a small table; with --details what is done after any verdicts, and why."""
    file = load_policy_file(policy)
    rows = rows_of(file.policy, models=len(file.models or (0, 1)), k=file.k, every=every)
    if as_json:
        print_json(_header(file, rows) | {"rows": [row.to_dict() for row in rows]})
        return
    if details or every:
        _print(file, rows, every)
    else:
        say(shortly(file, rows))


def _header(file: PolicyFile, rows: list[Row]) -> dict[str, Any]:
    data = file.data
    return {
        "policy": repr(file.policy),
        "models": list(file.models or ()),
        "k": file.k,
        "costs": list(file.costs or ()),
        "rule": [said for _, said in rules(file, rows)],
        "second_worth": second_worth_of(file.policy) or None,
        "fitted_on": None if data is None else {"outcomes": data.outcomes, "date": data.date},
    }


def _print(file: PolicyFile, rows: list[Row], every: bool) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=_WIDE)
    names = file.models or tuple(f"model {m}" for m in range(len(rows[0].tallies)))
    console.print(repr(file.policy))
    if worth := second_worth_of(file.policy):
        console.print(f"A second was worth {worth:g} in the costs that it was fitted on.")
    if file.data is not None:
        console.print(f"fitted on {file.data.outcomes} outcomes, {file.data.date}")
    for m, name in enumerate(names):
        console.print(f"  model {m}: {name}" + (f", {file.costs[m]:.4g} a question" if file.costs else ""))
    shown = [row for row in rows if every or row.reached != 0]
    for part in dict.fromkeys((row.policy, row.share) for row in shown):
        console.print(_table(part, [row for row in shown if (row.policy, row.share) == part]))
    if hidden := len(rows) - len(shown):
        console.print(f"{hidden} more histories are not expected to be reached: --all shows them.")
    if any("expected" in row.decision.values for row in rows):
        console.print(_FOOTNOTE)


def _table(part: tuple[str, float], rows: list[Row]) -> Table:
    from rich.table import Table

    reads = any(tally is not None and tally.unreadable for row in rows for tally in row.tallies)
    values = any("expected" in row.decision.values for row in rows)
    title = None if part[1] == 1 else f"{part[0]}, for {part[1]:.1%} of questions"
    table = Table(title=title, title_justify="left")
    left = ("after", "does", "values", "why")
    columns = ["after", "seen", "correct", *(["unreadable"] if reads else []), "reached", "does"]
    for column in [*columns, *(["values"] if values else []), "why"]:
        table.add_column(column, justify="left" if column in left else "right", no_wrap=column == "values")
    for row in rows:
        latest, held = row.latest, [m for m, tally in enumerate(row.tallies) if tally is not None]
        seen, correct, unreadable = ("", "", "") if latest is None else _counts(latest)
        before = [f"model {m} {_brief(row.tallies[m])}" for m in held[:-1]]
        cells = [
            "start" if latest is None else "; ".join([*before, f"draft {held[-1]}"]),
            *(seen, correct, *([unreadable] if reads else [])),
            "" if row.reached is None else f"{row.reached:.1%}",
            _does(row.decision.action),
        ]
        shown = "\n".join(
            f"{label(action)}: {value:.3f}" for action, value in best_of_each(row.decision.values.get("expected", {}))
        )
        table.add_row(*cells, *([shown] if values else []), row.decision.reason)
    return table


def _counts(tally: Tally) -> tuple[str, str, str]:
    if tally.probability is not None:
        return "1", f"{tally.probability:.2f}", ""
    return str(tally.drawn), str(tally.correct), str(tally.unreadable)


def _brief(tally: Tally | None) -> str:
    if tally is None:
        return ""
    if tally.probability is not None:
        return f"{tally.probability:.2f}"
    return f"{tally.correct} of {tally.correct + tally.incorrect}"


def _does(action: Action) -> str:
    match action:
        case Accept(m):
            return f"keep draft {m}"
        case Finish(m):
            return f"model {m} answers"
        case Draft(m):
            return f"model {m} drafts"
        case Verify(_, n):
            return f"{n} more verdict{'s' if n > 1 else ''}"
        case Measure(_, name):
            return f"get {name}"

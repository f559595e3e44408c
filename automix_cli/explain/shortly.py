"""A policy in a screenful: a sentence, and a small table that any terminal can show."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from automix_cli.printing import amount
from automix_core.decision import Accept, Action, Draft, Finish, Measure, Verify
from automix_core.policies.explain import Row
from automix_core.policies.rule import Line, lines, sentence, symbol
from automix_core.policies.saving import PolicyFile

_WIDTH = 80
_LARGEST = 16
"""Verdicts of a draft up to which a grid of them is drawn."""


def rules(file: PolicyFile, rows: Sequence[Row]) -> list[tuple[list[Row], str]]:
    """Each part of the policy with its sentence; of a mixture that says for which share of questions."""
    names = _names(file, rows)
    found = []
    for part in dict.fromkeys((row.policy, row.share) for row in rows):
        mine = [row for row in rows if (row.policy, row.share) == part]
        said = sentence(mine, names)
        found.append((mine, said if part[1] == 1 else f"For {part[1]:.0%} of questions: {said}"))
    return found


def shortly(file: PolicyFile, rows: Sequence[Row]) -> str:
    """The sentence of each part and its table, at most 80 columns wide."""
    names, said = _names(file, rows), []
    for mine, words in rules(file, rows):
        said += [*wrap(words, _WIDTH), ""]
        start = mine[0].decision.action
        if isinstance(start, Draft):
            said += _table(lines(mine, start.model), names)
    for m, name in enumerate(names):
        said.append(f"model {m}: {name}" + (f", {amount(file.costs[m])} a question" if file.costs else ""))
    if file.data is not None:
        said.append(f"fitted on {file.data.outcomes} outcomes, {file.data.date}")
    return "\n".join([*said, "--details shows what is done after any verdicts, with its values and why."])


def _names(file: PolicyFile, rows: Sequence[Row]) -> tuple[str, ...]:
    return file.models or tuple(f"model {m}" for m in range(len(rows[0].tallies)))


def _table(kinds: list[Line], names: Sequence[str]) -> list[str]:
    """What is done by the kind of evidence; where there is but one kind, the grid of its verdicts."""
    if len(kinds) == 1:
        return _grid(kinds[0], names)
    rows = [("the draft's", "questions", "then", "kept where")]
    for kind in kinds:
        share = "" if kind.share is None else f"{kind.share:.0%}"
        rows.append((kind.known or "nothing known", share, _does(kind.first, names), kind.kept))
    return [*_columns(rows), ""]


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _does(action: Action, names: Sequence[str]) -> str:
    match action:
        case Accept():
            return "keep at once"
        case Finish(m) | Draft(m):
            return f"{names[m]} answers"
        case Verify(_, n):
            return f"up to {n} checks" if n > 1 else "1 check first"
        case Measure(_, name):
            return f"get {name}"


def _grid(kind: Line, names: Sequence[str]) -> list[str]:
    grid = kind.grid
    most = max((c + i for c, i in grid), default=0)
    if not most:
        return [] if kind.kept else [f"then {_does(kind.first, names)}", ""]
    if most > _LARGEST or all(c + i == most for c, i in grid):  # the sentence has said it
        return []
    said = [f"{'':10} verdicts that say incorrect", f"{'correct':>8}   " + " ".join(f"{i:>2}" for i in range(most + 1))]
    for c in range(most + 1):
        cells = [symbol(grid[c, i]) if (c, i) in grid else " " for i in range(most - c + 1)]
        if any(cell != " " for cell in cells):
            said.append(f"{c:>8}   " + " ".join(f"{cell:>2}" for cell in cells).rstrip())
    signs = {symbol(action): _does(action, names) for action in grid.values() if isinstance(action, Finish | Draft)}
    legend = ["K the draft is kept", *(f"{sign} {does}" for sign, does in sorted(signs.items()))]
    more = [". more checks"] if any(isinstance(action, Verify) for action in grid.values()) else []
    return [*said, "", *wrap(", ".join([*legend, *more]) + "; verdicts that could not be read aside", _WIDTH), ""]

"""A policy in one sentence and a few lines, for people who decide whether to trust it.

Both are read off the rows of `explain`, so they say nothing that the policy does not do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..decision import Accept, Action, Draft, Finish, Measure, Tally, Verify
from .explain import Row


@dataclass(frozen=True, slots=True)
class Line:
    """What becomes of the first drafts with one kind of evidence, which `known` says in words.

    `share` is the expected share of questions, None where that is unknown; `first` is what is done as soon as the draft
    is held, and `after` what is done after verdicts on it.
    """

    known: str
    share: float | None
    first: Action
    after: tuple[tuple[Tally, Action], ...]

    @property
    def grid(self) -> dict[tuple[int, int], Action]:
        """The actions by how many verdicts say correct and how many incorrect; those with unreadable ones left out."""
        told = [(tally, action) for tally, action in self.after if tally.probability is None and not tally.unreadable]
        return {(tally.correct, tally.incorrect): action for tally, action in told}

    @property
    def kept(self) -> str:
        """After which checks the draft is kept, in words: "6 to 8 of 8 say correct"; empty where none are drawn."""
        if direct := [(tally.probability, action) for tally, action in self.after if tally.probability is not None]:
            kept = [at for at, action in direct if isinstance(action, Accept)]
            lost = [at for at, action in direct if not isinstance(action, Accept)]
            if not kept:
                return "never"
            return f"confidence {min(kept):.2f} or more" if not lost or max(lost) < min(kept) else "see --details"
        ends = {at: action for at, action in self.grid.items() if not isinstance(action, Verify)}
        if not ends:
            return ""
        most = max(map(sum, ends))
        kept_at = {at for at, action in ends.items() if isinstance(action, Accept)}
        lost_at = ends.keys() - kept_at
        if not kept_at:
            return "never"
        least = min(c for c, _ in kept_at)
        if any(c + i < most for c, i in kept_at) and all(c < least for c, _ in lost_at):
            return f"{least} or more of up to {most} say correct"
        return f"{_runs(c for c, i in kept_at if c + i == most) or 'some'} of {most} say correct"


def lines(rows: Sequence[Row], model: int = 0) -> list[Line]:
    """One line for each kind of evidence that drafts of `model` may have, as no other draft is held; what no question
    is expected to reach is left out.
    """
    kinds: dict[str, list[tuple[Tally, Row]]] = {}
    for row in rows:
        tally = row.tallies[model]
        if (
            row.reached != 0
            and tally is not None
            and all(other is None for m, other in enumerate(row.tallies) if m != model)
        ):
            kinds.setdefault(row.known[model] if row.known else "", []).append((tally, row))
    found = []
    for known, mine in kinds.items():
        fresh = [row for tally, row in mine if not tally.drawn and tally.probability is None]
        after = [(tally, row.decision.action) for tally, row in mine if tally.drawn or tally.probability is not None]
        found += [Line(known, row.reached, row.decision.action, tuple(after)) for row in fresh]
    return found


def sentence(rows: Sequence[Row], names: Sequence[str]) -> str:
    """The rule of one part of a policy: who answers what, after how many checks."""
    start, first = rows[0], rows[0].decision.action
    if before := start.decision.values.get("before"):
        return f"{names[first.model]} answers at once, without a draft, {before}; else as follows."
    if isinstance(first, Finish):
        return f"{names[first.model]} answers everything, unchecked."
    name, after = names[first.model], lines(rows, first.model)
    others = " or ".join(names[first.model + 1 :]) or "nobody else"
    if start.reached is None:
        return f"{name} drafts; {_said(after, others)}"
    kept = sum(row.reached or 0 for row in rows if row.decision.action == Accept(first.model))
    drawn = sum((row.reached or 0) * action.n for row in rows if isinstance(action := row.decision.action, Verify))
    checks = f"{drawn:.1f} checks a question" if drawn > 0 else "no checks"
    if drawn == 0 and kept in (0.0, 1.0):
        return f"{name} drafts, and {'every' if kept else 'no'} draft is kept."
    where = f" where {after[0].kept}," if len(after) == 1 and after[0].kept else ""
    return f"{name} drafts; its draft is kept{where} on about {kept:.0%} of questions, else {others} answers; {checks}."


def _said(after: Sequence[Line], others: str) -> str:
    """What a rule without known shares does with the draft."""
    if not after or not after[0].after:
        return "its draft is kept." if after and isinstance(after[0].first, Accept) else f"{others} answers."
    return f"its draft is kept where {after[0].kept}, else {others} answers."


def symbol(action: Action) -> str:
    """One sign for an action: K keep the draft, a digit that model goes on, . more checks, $ a paid signal."""
    match action:
        case Accept():
            return "K"
        case Finish(m) | Draft(m):
            return str(m) if m < 10 else "+"
        case Verify():
            return "."
        case Measure():
            return "$"


def _runs(numbers: Iterable[int]) -> str:
    """Numbers as people list them: "0, 2 or 6 to 8"."""
    runs: list[list[int]] = []
    for n in sorted(set(numbers)):
        if runs and n == runs[-1][-1] + 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    said = [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} or {said[-1]}" if said else ""

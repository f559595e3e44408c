"""What a policy's figures amount to for whoever decides: use it, don't, or it is not shown yet, in one sentence."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from .intervals import Interval

Advice: TypeAlias = Literal["use", "don't", "not shown"]

MARGIN = 0.02
"""The loss of mean score that counts as none, unless somebody says another."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A policy less one model that answers everything: mean score and mean cost a question, and that model's cost."""

    name: str
    score: Interval
    cost: Interval
    alone: float

    def saving(self) -> Interval | None:
        """The share of the model's cost that the policy saves; None where the model is free."""
        if self.alone <= 0:
            return None
        return Interval(-self.cost.mean / self.alone, -self.cost.high / self.alone, -self.cost.low / self.alone)


@dataclass(frozen=True, slots=True)
class BottomLine:
    """The advice and its sentence; `more` is about how many further questions would settle what is not shown yet."""

    advice: Advice
    sentence: str
    more: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON has them."""
        return asdict(self)


def bottom_line(
    first: Compared, last: Compared, n: int, *, margin: float = MARGIN, in_sample: bool = False
) -> BottomLine:
    """What to do, from a policy's paired differences on `n` questions with the cheapest and the most expensive model.

    "Use it" needs the whole interval of the saving above 0, and the whole interval of the score above `-margin`, both
    against the most expensive model. "Don't" needs one of them wholly on the other side, or a cheapest model that alone
    is as good for less. Anything between is not shown yet. The intervals are 95 % ones over questions.
    """
    found = _advised(first, last, n, margin)
    if in_sample:
        said = f"In sample, so expect less of it on new questions. {found.sentence}"
        return BottomLine(found.advice, said, found.more)
    return found


def _advised(first: Compared, last: Compared, n: int, margin: float) -> BottomLine:
    saving, score, large = last.saving(), last.score, f"always {last.name}"
    on = f"on {n} questions"
    if saving is None:
        return BottomLine("don't", f"Don't: {large} costs nothing here, so there is nothing to save.")
    if saving == Interval(0, 0, 0) and score == Interval(0, 0, 0):
        return BottomLine("don't", f"Don't: it is {large} {on}; it keeps no draft, so it saves nothing.")
    if first.score == first.cost == Interval(0, 0, 0):
        alone = f"Don't: the policy is {first.name} alone, so use that without a cascade"
        return BottomLine("don't", f"{alone}; its score is {_gain(score)} against {large} {on}.")
    if first.cost.low > 0 and first.score.high <= margin:
        less = first.cost.mean / (first.alone + first.cost.mean)
        return BottomLine(
            "don't",
            f"Don't: {first.name} alone is as good and costs {_share(less)} less; the policy's score is "
            f"{_gain(first.score)} {on}.",
        )
    if saving.high < 0:
        costlier = f"costs {_span(_negative(saving))} more than {large} {on}"
        if score.low > 0:
            return BottomLine("don't", f"Don't use it to save: it {costlier}, though its score is {_gain(score)}.")
        return BottomLine("don't", f"Don't: it {costlier}.")
    if score.high < -margin:
        return BottomLine("don't", f"Don't: its score is {_gain(score)} against {large} {on}; {margin:g} was allowed.")
    said = f"{_cheaper(saving)} than {large}, its score {_gain(score)} {on}"
    if saving.low > 0 and score.low >= -margin:
        return BottomLine("use", f"Use it: {said}; a loss of {margin:g} counts as none.")
    more = _more(saving, score, n, margin)
    if more is None:
        near = saving.mean > 0 and score.mean > -margin
        why = "and too near the line to say how many more would show it" if near else "and nothing points to it"
        return BottomLine("not shown", f"Not shown, {why}: {said}; a loss of {margin:g} counts as none.")
    return BottomLine(
        "not shown",
        f"Not shown yet: {said}. About {more} more questions would show it, if the figures stay as they are and a loss "
        f"of {margin:g} counts as none.",
        more,
    )


def _more(saving: Interval, score: Interval, n: int, margin: float) -> int | None:
    """How many further questions bring both lower bounds over their limits: widths shrink with the root of n."""
    distances = ((saving.mean, saving.mean - saving.low), (score.mean + margin, score.mean - score.low))
    if any(distance <= 0 for distance, _ in distances):
        return None
    ratio = max(width / distance for distance, width in distances)
    if not ratio <= 10:  # a hundred times as many: a guess that nobody should plan by
        return None
    further = n * (ratio**2 - 1)
    step: int = 10 ** max(0, int(math.log10(max(further, 1))) - 1)  # two figures: it is a guess
    return max(1, math.ceil(further / step - 1e-9)) * step


def _negative(share: Interval) -> Interval:
    return Interval(-share.mean, -share.high, -share.low)


def _cheaper(saving: Interval) -> str:
    if saving.mean >= 0:
        return f"{_span(saving)} cheaper"
    return f"{_span(_negative(saving))} more expensive"


def _span(share: Interval) -> str:
    return f"{_share(share.mean)} ({100 * share.low:.0f} to {_share(share.high)})"


def _share(part: float) -> str:
    return f"{100 * part:.0f} %"


def _gain(score: Interval) -> str:
    return f"{score.mean:+.3f} ({score.low:+.3f} to {score.high:+.3f})"

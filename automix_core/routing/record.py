"""What the parts of a route's record hold, for type checkers. A figure that is not known is None, never 0."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from ..decision import Counts
from ..usage import Tokens


class UsageRecord(TypedDict):
    """Whose tokens: `draft` sums all drafts and the answers that were begun ahead in vain, `answer` is the finishing
    call only, `by_model` has an entry a model."""

    total: Tokens | None
    draft: Tokens | None
    verify: Tokens | None
    answer: Tokens | None
    by_model: list[Tokens | None]


class CostRecord(TypedDict):
    """What the call cost and what the last model alone would have cost; `saved` is net of checks, maybe negative."""

    total: float | None
    always_large: float | None
    always_large_estimated: bool
    saved: float | None
    currency: str


class StepRecord(TypedDict):
    """One thing done. `n` and `verdicts` belong to verify, `name` and `value` to measure, `used` to hedge: whether the
    answer that was begun ahead became the call's. `problem` says why an answer could not be kept."""

    do: Literal["draft", "verify", "measure", "hedge", "accept", "finish"]
    model: int
    n: NotRequired[int]
    verdicts: NotRequired[Counts]
    name: NotRequired[str]
    value: NotRequired[float | None]
    used: NotRequired[bool]
    problem: NotRequired[str]
    seconds: NotRequired[float | None]

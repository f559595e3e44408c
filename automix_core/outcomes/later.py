"""What is said of an answer after its call: a score, or the gold answers to its question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .kinds import UNANSWERABLE
from .scoring import scorer

By = Literal["f1", "exact", "choice", "contains"]
"""The scorers by which gold answers may be applied when a file is read: no file names a function to be run."""


class Later(BaseModel):
    """Said of the call `id`: the `score` of the answer that it gave, or gold `answers`, which score each model's."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    id: str = Field(min_length=1, coerce_numbers_to_str=True)
    score: float | None = Field(default=None, ge=0, le=1)
    answers: tuple[Annotated[str, Field(min_length=1)], ...] | None = None
    by: By = "f1"

    @model_validator(mode="after")
    def _says_something(self) -> Later:
        if (self.score is None) == (self.answers is None):
            raise ValueError("what is said later of a call is a score or gold answers, one of them")
        return self

    def scores(self, answers: Sequence[str | None]) -> list[float | None]:
        """What each answer scores against the gold ones; None for an answer that was not recorded."""
        golds = self.answers or (UNANSWERABLE,)
        score = scorer(self.by)
        return [None if answer is None else score(answer, golds) for answer in answers]

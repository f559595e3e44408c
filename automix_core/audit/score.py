"""What comes later: a score that a user, a judge or a test gives to an answer, or the gold answers to its question."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from typing import Any, get_args

from ..errors import ConfigError
from ..outcomes.later import By
from .lines import Lines


def score(
    path: str | os.PathLike[str],
    route_id: str,
    value: float | None = None,
    *,
    answers: Sequence[str] | None = None,
    by: By = "f1",
) -> None:
    """Write that the answer of the call `route_id` scored `value`, from 0 to 1, beside the outcomes in `path`.

    In place of a score there may be gold `answers` to its question, by which every model's recorded answer is scored
    (`by`: f1, exact, choice or contains); an empty list says that the context lacks the answer. `read_outcomes` joins
    either to the outcome of that id, whichever of the two lines comes first; of several of one id the last counts.
    Until there is one, the largest model's answer is the reference.

        score("outcomes.jsonl", route_of(answer).id, 0.0)  # the user did not like it
        score("outcomes.jsonl", route_of(answer).id, answers=["Oda Verrin"])

    Raises `ConfigError` for a score that is none, an empty id, or a path that can't be written.
    """
    if not isinstance(route_id, str) or not route_id:
        raise ConfigError(f"The id of a route must be a text such as route_of(answer).id, not {route_id!r}.")
    line = json.dumps({"id": route_id, **_said(value, answers, by)}, ensure_ascii=False)
    try:
        Lines(path).append(line)
    except OSError as error:
        raise ConfigError(f"{path} can't be written: {error.strerror or error}.") from None


def _said(value: Any, answers: Any, by: Any) -> dict[str, Any]:
    if answers is None:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not (math.isfinite(value) and 0 <= value <= 1)
        ):
            raise ConfigError(f"A score must be a number from 0 (wrong) to 1 (right), not {value!r}.")
        return {"score": value}
    if value is not None:
        raise ConfigError("score() takes a value or gold answers, not both.")
    if isinstance(answers, str) or not all(isinstance(gold, str) and gold.strip() for gold in answers):
        raise ConfigError(f"score(answers) must be a list of texts that are not empty, not {answers!r}.")
    if by not in get_args(By):
        raise ConfigError(f"score(by) must be one of {', '.join(get_args(By))}, not {by!r}.")
    return {"answers": list(answers), "by": by}

"""A score that comes later: what a user, a judge or a test says of an answer that was given."""

from __future__ import annotations

import json
import math
import os

from ..errors import ConfigError
from .lines import Lines


def score(path: str | os.PathLike[str], route_id: str, value: float) -> None:
    """Write that the answer of the call `route_id` scored `value`, from 0 to 1, beside the outcomes in `path`.

    `read_outcomes` joins it to the outcome of that id, whichever of the two lines comes first; of several scores of one
    id the last counts. Until there is one, the largest model's answer is the reference.

        score("outcomes.jsonl", route_of(answer).id, 0.0)  # the user did not like it

    Raises `ConfigError` for a score that is none, an empty id, or a path that can't be written.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and 0 <= value <= 1):
        raise ConfigError(f"A score must be a number from 0 (wrong) to 1 (right), not {value!r}.")
    if not isinstance(route_id, str) or not route_id:
        raise ConfigError(f"The id of a route must be a text such as route_of(answer).id, not {route_id!r}.")
    try:
        Lines(path).append(json.dumps({"id": route_id, "score": value}, ensure_ascii=False))
    except OSError as error:
        raise ConfigError(f"{path} can't be written: {error.strerror or error}.") from None

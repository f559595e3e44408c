"""What both adapters need around a check, and no framework has: reading a custom verifier's result, and the room that a
verifier's window leaves for the context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any

from ..decision import Tally
from ..errors import ConfigError, QueryError
from .query import Query
from .verdict import count

_ROUNDING = 1e-6
"""How far a confidence may lie outside [0, 1] by the rounding of 32-bit numbers."""
_SHORT = 20
"""Characters of a text up to which it is shown in an error: a longer one may be a prompt."""


def check_case(case: Any) -> None:
    """Raise `ConfigError`, naming the key, unless `case` is a verifier's input, its question and answer text."""
    if not isinstance(case, Mapping):
        kind = type(case).__name__
        raise ConfigError(f"SelfVerifier needs a dict with the keys context, question and answer, not {kind}.")
    for key in ("context", "question", "answer"):
        if key not in case:
            raise ConfigError(f"SelfVerifier needs the keys context, question and answer; {key!r} is missing.")
        if key != "context" and not isinstance(case[key], str):
            raise ConfigError(f"SelfVerifier: {key!r} must be text, not {type(case[key]).__name__}.")


def read_result(result: Any, n: int) -> Tally:
    """The tally of what a verifier returned for `n` verdicts (see `verdicts_of`)."""
    found = verdicts_of(result, n)
    return Tally(probability=found) if isinstance(found, float) else count(found)


def verdicts_of(result: Any, n: int) -> list[bool | None] | float:
    """What a verifier returned for `n` verdicts: the verdicts, or one direct confidence.

    A number is a direct confidence in [0, 1], rounding aside; a list holds True, False or None (also 1 and 0), of which
    the first `n` count. Numbers and arrays may be numpy's or any library's like it; an array of one number is that
    number. Raises `ConfigError`, in one sentence, for anything else.
    """
    value = _plain(result)
    if isinstance(value, bool):
        value = [value] if value is not result else None  # an array of one verdict, but no verdict alone
    elif isinstance(value, Real):
        confidence = float(value)
        if -_ROUNDING <= confidence <= 1 + _ROUNDING:
            return min(max(confidence, 0.0), 1.0)
        raise ConfigError(f"The verifier returned the confidence {confidence!r}; it must lie between 0 and 1.")
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        return [_verdict(_plain(item)) for item in value][:n]
    raise ConfigError(
        f"The verifier returned {type(result).__name__}; it must return a list of True, False or None, or a float."
    )


def _plain(value: Any) -> Any:
    """A number of any library, or an array of one, as Python's own; anything else as it is."""
    if isinstance(value, bool | int | float | str | bytes | None) or not callable(item := getattr(value, "item", None)):
        return value
    size = getattr(value, "size", None)
    one = size == 1 if isinstance(size, int) else getattr(value, "numel", lambda: 0)() == 1
    return item() if one else value


def _verdict(item: Any) -> bool | None:
    if item is None:
        return None
    if isinstance(item, Real) and item in (0, 1):
        return bool(item)
    shown = repr(float(item)) if isinstance(item, Real) else type(item).__name__
    shown = repr(item) if isinstance(item, str) and len(item) <= _SHORT else shown
    raise ConfigError(f"The verifier returned the verdict {shown}; a verdict is True, False or None.")


def shortened(query: Query, rendered: Callable[[Query], str], window: int | None, reply: int, counter: Any) -> Query:
    """`query` with its context cut so that the checking prompt is within the verifier's window.

    `rendered` gives the whole prompt as text, `window` and `reply` are in tokens (`None`: unknown, nothing is cut),
    `counter` counts the tokens of a text. Only the context is ever cut.
    """
    return query if window is None else query.cut_to(lambda cut: counter(rendered(cut)) + reply <= window)


def cut_to_window(
    query: Query, rendered: Callable[[Query], str], window: int | None, reply: int, counter: Any
) -> Query:
    """`shortened`, where something of the context is left.

    Raises `QueryError` where nothing is: a context cut to nothing is no context, and nothing can be checked against it.
    """
    cut = shortened(query, rendered, window, reply, counter)
    if query.context and not cut.context:
        raise QueryError(
            "The question and the answer leave no room for the context in the verifier's window; "
            "give SelfVerifier a model with a larger window, or a larger context_window."
        )
    return cut


def approximate_tokens(text: str) -> int:
    """A careful guess where no tokenizer is known: one token for three characters of UTF-8, rounded up."""
    return -(-len(text.encode()) // 3)

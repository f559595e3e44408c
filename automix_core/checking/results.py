"""What both adapters need around a check, and no framework has: reading a custom verifier's result, and the room that a
verifier's window leaves for the context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..decision import Tally
from ..errors import ConfigError, QueryError
from .query import Query
from .verdict import count


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


def read_result(result: object, n: int) -> Tally:
    """The tally of what a verifier callable returned for `n` verdicts.

    A number is a direct confidence in [0, 1]; a list holds True, False or None (also 1 and 0), of which the first `n`
    count. Raises `ConfigError` for anything else.
    """
    if isinstance(result, int | float) and not isinstance(result, bool):
        if 0 <= result <= 1:
            return Tally(probability=float(result))
        raise ConfigError(f"The verifier returned the confidence {result!r}; it must lie between 0 and 1.")
    if isinstance(result, Iterable) and not isinstance(result, str | bytes | dict):
        return count([_verdict(item) for item in result][:n])
    raise ConfigError(
        f"The verifier returned {type(result).__name__}; it must return a list of True, False or None, or a float."
    )


def _verdict(item: Any) -> bool | None:
    if item is None:
        return None
    if item in (0, 1):
        return bool(item)
    raise ConfigError(f"The verifier returned the verdict {item!r}; a verdict is True, False or None.")


def fitted(query: Query, rendered: Callable[[Query], str], window: int | None, reply: int, counter: Any) -> Query:
    """`query` with its context cut so that the checking prompt fits the verifier's window.

    `rendered` gives the whole prompt as text, `window` and `reply` are in tokens (`None`: unknown, nothing is cut),
    `counter` counts the tokens of a text. Only the context is ever cut.
    """
    return query if window is None else query.fit(lambda cut: counter(rendered(cut)) + reply <= window)


def fit_window(query: Query, rendered: Callable[[Query], str], window: int | None, reply: int, counter: Any) -> Query:
    """`fitted`, where something of the context is left.

    Raises `QueryError` where nothing is: a context cut to nothing is no context, and nothing can be checked against it.
    """
    cut = fitted(query, rendered, window, reply, counter)
    if query.context and not cut.context:
        raise QueryError(
            "The question and the answer leave no room for the context in the verifier's window; "
            "give SelfVerifier a model with a larger window, or a larger context_window."
        )
    return cut


def approximate_tokens(text: str) -> int:
    """A careful guess where no tokenizer is known: one token for three characters of UTF-8, rounded up."""
    return -(-len(text.encode()) // 3)

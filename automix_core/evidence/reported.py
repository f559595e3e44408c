"""Token log-probabilities as clients report them, read into `Token`s.

Four forms are known, as plain data or as objects: a list of tokens, each with its alternatives (OpenAI's `content`,
Ollama's); LlamaIndex's list of alternatives for each token; the parallel lists of OpenAI's older completions; and
Google's, of the tokens chosen and of the likeliest. What is in none of them is read as no tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from numbers import Real
from typing import Any

from .tokens import Token


def reported_tokens(reported: Any) -> tuple[Token, ...]:
    """The tokens of one reply, in order; empty where no log-probability can be read."""
    if reported is None:
        return ()
    if _many(listed := _get(reported, "tokens")):
        return _older(listed, _get(reported, "token_logprobs"), _get(reported, "top_logprobs"))
    if _many(chosen := _get(reported, "chosen_candidates")):
        return _googles(chosen, _get(reported, "top_candidates"))
    entries = reported if _many(reported) else _get(reported, "content")
    return _read(map(_token, entries)) if _many(entries) else ()


def _token(entry: Any) -> Token | None:
    if _many(entry):  # LlamaIndex: the alternatives alone, the likeliest first
        table = _table(entry)
        best = max(table, key=table.__getitem__, default=None)
        return None if best is None else Token(best, table[best], table)
    text, log = _get(entry, "token"), _number(_get(entry, "logprob"))
    if not isinstance(text, str) or log is None:
        return None
    return Token(text, log, _table(_get(entry, "top_logprobs")))


def _older(texts: Sequence[Any], logs: Any, tops: Any) -> tuple[Token, ...]:
    logs, tops = (given if _many(given) else [] for given in (logs, tops))
    rows = zip_longest(texts, logs[: len(texts)], tops[: len(texts)])
    return _read(
        Token(str(text), number, _table(top)) if (number := _number(log)) is not None else None
        for text, log, top in rows
    )


def _googles(chosen: Sequence[Any], tops: Any) -> tuple[Token, ...]:
    tables = [
        {"top_logprobs": [_renamed(each) for each in _get(top, "candidates") or ()]}
        for top in (tops if _many(tops) else [])
    ]
    rows: Iterable[tuple[Any, Any]] = zip_longest(chosen, tables[: len(chosen)], fillvalue={})
    return _read(_token({**_renamed(one), **table}) for one, table in rows)


def _renamed(candidate: Any) -> dict[str, Any]:
    return {"token": _get(candidate, "token"), "logprob": _get(candidate, "log_probability")}


def _table(alternatives: Any) -> dict[str, float]:
    """The alternatives at one place; the same text given twice keeps its likelier number."""
    pairs: Iterable[tuple[Any, Any]] = ()
    if isinstance(alternatives, Mapping):
        pairs = alternatives.items()
    elif _many(alternatives):
        pairs = ((_get(one, "token"), _get(one, "logprob")) for one in alternatives)
    found: dict[str, float] = {}
    for text, log in pairs:
        if isinstance(text, str) and (number := _number(log)) is not None:
            found[text] = max(number, found.get(text, number))
    return found


def _read(tokens: Iterable[Token | None]) -> tuple[Token, ...]:
    return tuple(token for token in tokens if token is not None)


def _many(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _get(place: Any, name: str) -> Any:
    return place.get(name) if isinstance(place, Mapping) else getattr(place, name, None)


def _number(value: Any) -> float | None:
    return float(value) if not isinstance(value, bool) and isinstance(value, Real) else None

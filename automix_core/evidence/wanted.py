"""Which signals a cascade finds out about its drafts, and what they are for one draft."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal, TypeAlias

from ..checking.query import Query
from ..errors import ConfigError
from .lexical import TEXTUAL, textual
from .tokens import TOKENS, Token, token_signals

Wanted: TypeAlias = Literal["auto"] | Sequence[str]
"""The names of signals; "auto": those that the policy uses, else the textual ones, which cost no request."""

FREE_NAMES = (*TEXTUAL, *TOKENS)


def wanted_signals(wanted: Wanted, policy: object) -> tuple[str, ...]:
    """The free signals to find out, sorted. Raises `ConfigError` for a name that no signal has."""
    if isinstance(wanted, str):
        if wanted != "auto":
            raise ConfigError(f'signals must be "auto" or a list of names, not {wanted!r}.')
        named = [name for name in getattr(policy, "signal_names", ()) if name in FREE_NAMES]
        return tuple(sorted(named or TEXTUAL))
    if paid := sorted({"p_correct", "sufficient", "agreement"} & set(map(str, _listed(wanted)))):
        raise ConfigError(f"signals: {', '.join(paid)} costs requests; say in measures= how it is measured.")
    if unknown := sorted(set(map(str, wanted)) - set(FREE_NAMES)):
        raise ConfigError(f"signals: there is no signal {', '.join(unknown)}; there are {', '.join(FREE_NAMES)}.")
    return tuple(sorted(set(wanted)))


def offered_signals(wanted: Wanted, paid: Iterable[str] = ()) -> frozenset[str]:
    """All that a policy may find known or measure, with `wanted` told and the `paid` ones that can be measured."""
    free: Iterable[str] = FREE_NAMES if isinstance(wanted, str) else map(str, _listed(wanted))
    return frozenset(free) | frozenset(paid)


def _listed(wanted: Sequence[str]) -> Sequence[str]:
    if not isinstance(wanted, Iterable):
        raise ConfigError(f'signals must be "auto" or a list of names, not {wanted!r}.')
    return wanted


def needs_tokens(names: Collection[str]) -> bool:
    """Whether log-probabilities of the draft's tokens are to be asked for."""
    return not set(names).isdisjoint(TOKENS)


def draft_signals(query: Query, text: str, names: Collection[str], tokens: Iterable[Token] = ()) -> dict[str, float]:
    """The signals of a draft; one that can't be known is missing.

    Where the question does not stand apart from its context (source "prompt") the signals that need it are missing.
    """
    question = query.question if query.source != "prompt" else None
    found = textual(question or None, query.context or None, text, names)
    return found | token_signals(tokens, names) if needs_tokens(names) else found

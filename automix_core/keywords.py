"""What a constructor does with the keywords it is given, the same in every framework.

Each keyword is spelt out and typed in the constructor's signature, so that an editor offers it and a type checker
refuses a misspelt one. At run time an unknown keyword is ignored with a warning, as frameworks pass their own.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from types import FrameType
from typing import Any, ParamSpec

from pydantic import BaseModel, ValidationError

from .errors import ConfigError

P = ParamSpec("P")

CALL = ("automix_question", "automix_context", "automix_coin")
"""Keywords of a call that are for AutoMix, and reach no provider."""

_SLIPS = {
    "threshold": "policy=Threshold({})",
    "k": "verifier=SelfVerifier(k={})",
    "n": "verifier=SelfVerifier(k={})",
    "samples": "verifier=SelfVerifier(k={})",
    "shots": "verifier=SelfVerifier(shots={})",
    "instructions": "verifier=SelfVerifier(instructions={})",
    "llm": "models=[small, large]",
    "llms": "models=[small, large]",
    "model": "models=[small, large]",
    "small": "models=[small, large]",
    "large": "models=[small, large]",
    "price": "prices=[Price(...), Price(...)]",
}
"""Likely slips, and what to write; one counts where the constructor has the keyword that the advice begins with."""

_OF_MODELS = frozenset(
    {
        *("temperature", "max_tokens", "max_completion_tokens", "num_ctx", "top_p", "seed", "stop", "streaming"),
        *("reasoning_effort", "api_key", "base_url", "api_base", "max_retries", "model_kwargs", "default_headers"),
    }
)
"""Settings that a model has and a cascade has not."""

_BETWEEN = frozenset(
    {"automix_core", "langchain_automix", "llamaindex_automix", "langchain_core", "llama_index", "pydantic"}
)
"""Packages whose lines are never the caller's."""


def spelt_out(init: Callable[P, None]) -> Callable[P, None]:
    """An `__init__` of a pydantic model that is all signature: what the caller gave goes to the base class's own.

    Unknown keywords are ignored with a warning that points at the caller's line, fields of subclasses are handed on.
    Raises `ConfigError`, naming the field, where pydantic would raise its own error.
    """
    signature = inspect.signature(init)

    @wraps(init)
    def configure(*args: P.args, **kwargs: P.kwargs) -> None:
        self: Any = args[0]
        kind, name = type(self), type(self).__name__
        known = {*list(signature.parameters)[1:], *fields_of(kind)}
        ignore_unknown(name, kwargs, known)
        bound = {key: value for key, value in kwargs.items() if key in signature.parameters}
        given = dict(signature.bind_partial(*args, **bound).arguments)
        given |= {key: value for key, value in kwargs.items() if key in known}
        del given[next(iter(signature.parameters))]
        owner: Any = next(base for base in kind.__mro__ if base.__dict__.get("__init__") is configure)
        try:
            super(owner, self).__init__(**given)
        except ValidationError as error:
            raise config_error(name, error) from None
        except TypeError as error:  # of a framework's class that can't be made of what was given
            raise ConfigError(f"{name} can't be made of what it was given: {error}.") from error

    return configure


def fields_of(kind: type[BaseModel]) -> Iterator[str]:
    """The names under which a pydantic model takes its fields."""
    for name, field in kind.model_fields.items():
        yield name
        if field.alias:
            yield field.alias


def config_error(owner: str, error: ValidationError) -> ConfigError:
    """Pydantic's error as one sentence that names the field and shows no value, which may be a secret."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "its arguments"
    return ConfigError(f"{owner}: {where}: {first['msg']}.")


def ignore_unknown(owner: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
    """Warn of each keyword in `given` that is not `known`, at the line of the caller, and say what to write instead."""
    known = set(known)
    for name in sorted(set(given) - known):
        advice = _advice(name, given[name], known)
        warn_caller(f"{owner} ignores the unknown keyword {name!r}.{advice}")


def _advice(name: str, value: Any, known: set[str]) -> str:
    slip = _SLIPS.get(name.lower(), "")
    if slip.partition("=")[0] in known:
        shown = value if isinstance(value, int | float) else "..."  # never a text: it may be a key
        return f" Write {slip.format(shown)}."
    if name in _OF_MODELS and "models" in known:
        return " Set it on each of the models."
    from difflib import get_close_matches  # few ever misspell

    close = get_close_matches(name, known, n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else " Leave it out."


def warn_caller(message: str) -> None:
    """Warn at the line of whoever called this project from outside."""
    frame = _caller()
    if frame is None:
        warnings.warn(message, stacklevel=2)
        return
    module = frame.f_globals.get("__name__") or "__main__"
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(message, UserWarning, frame.f_code.co_filename, frame.f_lineno, module, registry)


def _caller() -> FrameType | None:
    """The first frame outside this project and what it builds on."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in _BETWEEN:
        frame = frame.f_back
    return frame

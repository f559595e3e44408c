"""Pickles of cascades without the keys of their models.

A key in a pickle is a key in a file, a queue or another machine's memory. So what looks like a secret is left out and
a reference stands for it: the process that made the pickle, and processes forked from it, find the secret again. In
any other it comes back as None, and most clients then look into their own environment variable.
"""

from __future__ import annotations

import io
import pickle
import re
import secrets
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from pydantic import SecretBytes, SecretStr

from .errors import ConfigError

SEALED = "sealed"
"""The one field of a state that was sealed."""
_NAMES = re.compile(
    r"(api|access|secret|private|account|subscription|client|auth|session)[_-]?key|secret|passw(or)?d|credential"
    r"|(access|auth|bearer|session|api|security|aws_session)[_-]?token|^token$|authorization|headers|cookie",
    re.IGNORECASE,
)
_DEEPEST = 6
_SHORTEST = 8
"""Characters of a secret: a shorter word may stand elsewhere with another meaning."""
_kept: dict[str, Any] = {}
"""Reference and secret, of all pickles that this process made."""


def seal(state: Any, owner: str) -> bytes:
    """`state` as a pickle without its secrets. Raises `ConfigError`, naming `owner`, for what can't be pickled."""
    found = {secret for secret in _secrets(state, 0, set()) if len(secret) >= _SHORTEST}
    references: dict[str, str] = {}

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing: Any) -> str | None:
            if not isinstance(thing, str) or thing not in found:
                return None
            if thing not in references:
                known = next((name for name, secret in _kept.items() if secret == thing), None)
                references[thing] = known or secrets.token_hex(8)
                _kept[references[thing]] = thing
            return references[thing]

    buffer = io.BytesIO()
    try:
        Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(state)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(
            f"{owner} can't be pickled ({type(error).__name__}), as its models or functions can't. "
            "Make it anew where it is needed, from a function at the top of a module."
        ) from error
    sealed = buffer.getvalue()
    if any(secret.encode("utf-8", "surrogatepass") in sealed for secret in found):
        raise ConfigError(f"{owner} can't be pickled: a key of its models stands inside a longer text.")
    return sealed


def unseal(sealed: bytes) -> Any:
    """The state of `seal`, with the secrets that this process knows and None for others."""

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, reference: Any) -> Any:
            return _kept.get(reference)

    return Unpickler(io.BytesIO(sealed)).load()


def _secrets(thing: Any, depth: int, seen: set[int], named: bool = False) -> Iterator[str]:
    if isinstance(thing, str):
        if named:
            yield thing
        return
    if depth > _DEEPEST or id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, SecretStr | SecretBytes):
        value = thing.get_secret_value()
        yield value if isinstance(value, str) else value.decode("latin-1")
    elif isinstance(thing, Mapping):
        for name, value in thing.items():
            yield from _secrets(value, depth + 1, seen, named or (isinstance(name, str) and _is_secret(name)))
    elif isinstance(thing, list | tuple | set | frozenset):
        for value in thing:
            yield from _secrets(value, depth + 1, seen, named)
    elif not isinstance(thing, type | ModuleType) and hasattr(thing, "__dict__"):
        private = getattr(thing, "__pydantic_private__", None) or {}
        for name, value in {**vars(thing), **private}.items():
            yield from _secrets(value, depth + 1, seen, _is_secret(name))


def _is_secret(name: str) -> bool:
    return _NAMES.search(name) is not None

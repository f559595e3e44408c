"""Who may ask: keys from a file or the environment, compared in constant time, and never shown."""

from __future__ import annotations

import hmac
import ipaddress
import os
from hashlib import sha256
from pathlib import Path

from automix_cli.options import listed
from automix_core.errors import ConfigError, DataError
from automix_core.files import read_text

VARIABLE = "AUTOMIX_SERVE_KEYS"
_MOST = 1_000_000


class Keys:
    """The keys of the clients, as digests; an empty set lets everybody in."""

    def __init__(self, keys: list[str]) -> None:
        self._digests = [sha256(key.encode()).digest() for key in keys]

    def __len__(self) -> int:
        return len(self._digests)

    def __repr__(self) -> str:
        return f"Keys({len(self._digests)})"

    def of(self, authorization: str | None) -> int | None:
        """Which key the caller has, 0 where everybody may ask; None if the key is missing or wrong."""
        if not self._digests:
            return 0
        scheme, _, key = (authorization or "").partition(" ")
        given = sha256(key.strip().encode()).digest() if scheme.lower() == "bearer" else b""
        found = None
        for place, digest in enumerate(self._digests):  # all of them, so that time tells nothing
            if hmac.compare_digest(given, digest):
                found = place
        return found


def read_keys(file: str | None, host: str) -> Keys:
    """The keys in `file`, one a line (# begins a comment), else those in AUTOMIX_SERVE_KEYS.

    Raises `ConfigError` if the file can't be read or holds none, if a key is no key, and if there are none though
    others than this computer could ask.
    """
    if file is not None:
        try:
            lines = read_text(Path(file), _MOST).splitlines()
        except DataError as error:
            raise ConfigError(f"serve.keys_file: {error}") from None
        keys = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
        if not keys:
            raise ConfigError(f"serve.keys_file: {file} holds no key; write one a line.")
    else:
        keys = listed(os.environ.get(VARIABLE, ""))
    for place, key in enumerate(keys, start=1):
        if len(key) < 8 or not key.isascii() or not key.isprintable() or " " in key:
            raise ConfigError(f"Key {place} of the server is no key: 8 or more ASCII signs without spaces are needed.")
    if not keys and not _here(host):
        raise ConfigError(
            f"host {host} can be reached by others, so clients need keys: set {VARIABLE} or serve.keys_file."
        )
    return Keys(keys)


def _here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

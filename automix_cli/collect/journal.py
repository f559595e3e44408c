"""The journal of paid calls: one line a reply, written as it comes, read again after an interruption."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from pydantic import TypeAdapter

from automix_cli.weights.cache import locked
from automix_core.errors import DataError

_BEGINS = b'{"key": "'


@dataclass(frozen=True, slots=True)
class Paid:
    """One request that was answered: the choices' texts and finish reasons, the tokens as the server counted them."""

    texts: tuple[str, ...]
    finish: tuple[str | None, ...]
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int = 0


_PAID = TypeAdapter(Paid)


def key(request: dict[str, Any], place: int) -> str:
    """What identifies a call: the request itself and how many like it came before; never the API key."""
    return hashlib.sha256(json.dumps([request, place], sort_keys=True).encode()).hexdigest()[:32]


class Journal:
    """The calls paid for so far; `find` one before paying again, `keep` each as soon as it is answered.

    A line cut off by a kill is dropped; every whole line is kept. Raises `DataError` if the file can't be read or
    written, is something else, or is in use.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._calls: dict[str, Paid] = {}
        self._file: TextIO | None = None
        self._open_ended = False
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Read what is there and open it for more."""
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(self.path.with_name(self.path.name + ".lock"), self._in_use))
                whole = self._load()
                self._file = stack.enter_context(self.path.open("r+" if self.path.exists() else "w", encoding="utf-8"))
                self._file.seek(whole)
                self._file.truncate()
                if self._open_ended:
                    self._file.write("\n")
            except OSError as error:
                raise DataError(f"{self.path} can't be used as journal: {error.strerror or error}.") from None
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close the file."""
        self._stack.close()

    def _in_use(self) -> None:
        raise DataError(
            f"{self.path} is in use by another automix collect; wait for it to end, or name another output."
        )

    def __len__(self) -> int:
        return len(self._calls)

    def find(self, name: str) -> Paid | None:
        """The call of this key, if it was paid before."""
        return self._calls.get(name)

    def keep(self, name: str, paid: Paid) -> None:
        """Write the call down, so that not even a crash of the computer loses it."""
        assert self._file is not None
        record = {
            "key": name,
            "texts": paid.texts,
            "finish": paid.finish,
            "tokens": [paid.input_tokens, paid.output_tokens, paid.cached_tokens],
        }
        try:
            self._file.write(json.dumps(record, ensure_ascii=False) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise DataError(f"{self.path} can't be written: {error.strerror or error}.") from None
        self._calls[name] = paid

    def _load(self) -> int:
        """Read the whole lines; return where they end."""
        if not self.path.exists():
            return 0
        whole = 0
        data = self.path.read_bytes()
        for number, line in enumerate(data.splitlines(keepends=True), 1):
            try:
                record = json.loads(line)
                names = ("texts", "finish", "input_tokens", "output_tokens", "cached_tokens")
                values = (record["texts"], record["finish"], *record["tokens"])
                self._calls[record["key"]] = _PAID.validate_python(dict(zip(names, values, strict=True)))
            except (ValueError, KeyError, TypeError, RecursionError):
                if not line.endswith(b"\n") and (line.startswith(_BEGINS) or _BEGINS.startswith(line)):
                    break
                raise DataError(f"{self.path}, line {number}: this is not a journal of automix collect.") from None
            whole += len(line)
            self._open_ended = not line.endswith(b"\n")
        return whole

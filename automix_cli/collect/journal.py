"""The journal of paid calls: one line a reply, written as it comes, read again after an interruption."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from pydantic import TypeAdapter

from automix_cli.weights.cache import locked
from automix_core.errors import DataError
from automix_core.files import MOST, private_file

_BEGINS = b'{"key": "'


@dataclass(frozen=True, slots=True)
class Paid:
    """One request that was answered: the choices' texts and finish reasons, the tokens as the server counted them.

    Or several requests together, as many as `requests` says. `seconds` is how long they took; `case` what an app's
    model was shown, for checks of its answer, None elsewhere; `logprobs` what the server said of the first choice's
    tokens, where it was asked. `thought`: the model thought before it answered, as its reply shows.
    """

    texts: tuple[str, ...]
    finish: tuple[str | None, ...]
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int = 0
    seconds: float | None = None
    case: Mapping[str, Any] | None = None
    requests: int = 1
    logprobs: Any = None
    thought: bool = False


_PAID = TypeAdapter(Paid)
_MORE = ("seconds", "case", "requests", "logprobs", "thought")


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
        self._file: IO[str] | None = None
        self._open_ended = False
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Read what is there and open it for more."""
        with ExitStack() as stack:
            try:
                stack.enter_context(_alone(self.path.with_name(self.path.name + ".lock"), self._in_use))
                whole = self._load()
                how = "r+" if self.path.exists() else "w"
                file = stack.enter_context(open(self.path, how, encoding="utf-8", opener=private_file))
                file.seek(whole)
                file.truncate()
                if self._open_ended:
                    file.write("\n")
                self._file = file
            except OSError as error:
                raise DataError(f"{self.path} can't be used as journal: {error.strerror or error}.") from None
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close the file."""
        self._stack.close()

    def remove(self) -> None:
        """Take the file away: it holds texts, and nothing is left to be paid for."""
        with suppress(OSError):
            self.path.unlink()

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
        record: dict[str, Any] = {
            "key": name,
            "texts": paid.texts,
            "finish": paid.finish,
            "tokens": [paid.input_tokens, paid.output_tokens, paid.cached_tokens],
        }
        record |= {"requests": paid.requests} if paid.requests != 1 else {}
        record |= {"thought": True} if paid.thought else {}
        record |= {key: value for key in ("seconds", "case", "logprobs") if (value := getattr(paid, key)) is not None}
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
        whole = number = 0
        with self.path.open("rb") as file:
            while line := file.readline(MOST + 1):
                number += 1
                try:
                    self._keep_line(line)
                except (ValueError, KeyError, TypeError, RecursionError):
                    if not line.endswith(b"\n") and (line.startswith(_BEGINS) or _BEGINS.startswith(line)):
                        break
                    raise DataError(f"{self.path}, line {number}: this is not a journal of automix collect.") from None
                whole += len(line)
                self._open_ended = not line.endswith(b"\n")
        return whole

    def _keep_line(self, line: bytes) -> None:
        if len(line) > MOST:
            raise ValueError("too long")
        record = json.loads(line)
        names = ("input_tokens", "output_tokens", "cached_tokens")
        paid = {name: record[name] for name in _MORE if name in record}
        paid |= dict(zip(names, record["tokens"], strict=True))
        self._calls[record["key"]] = _PAID.validate_python(paid | {k: record[k] for k in ("texts", "finish")})


@contextmanager
def _alone(path: Path, in_use: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file at `path`, and take it away afterwards.

    Whoever waited for a lock file that its holder has taken away holds nothing, and tries again.
    """
    while True:
        with locked(path, in_use) as stream:
            if not _is_at(path, stream.fileno()):
                continue
            try:
                yield
            finally:
                with suppress(OSError):  # Windows removes no open file
                    path.unlink()
        with suppress(OSError):
            if os.name == "nt":
                path.unlink()
        return


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False

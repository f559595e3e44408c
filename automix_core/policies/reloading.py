"""`Reloading`: a saved policy that running processes take up anew whenever its file changes."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..amounts import is_number
from ..decision import Policy, check_models
from ..errors import ConfigError, PolicyError
from .loading import Live, compare
from .versioned import Versioned

if TYPE_CHECKING:
    from .saving import PolicyFile

log = logging.getLogger("automix")


class Reloading:
    """The policy saved at `path`, read again when the file changes; a call keeps the one it began with.

        llm = AutoMixChatModel(models=[small, large], policy=Reloading("policy.json"))

    The file is looked at no more than every `seconds`. A new file that can't be read, or was made for another number of
    models, is not taken up: the running policy stays, and a warning says why, once. One that was fitted under other
    checks than the cascade's is taken up, and a warning says what differs. Routes tell the `policy_version`,
    the first 12 digits of the file's SHA-256. Writers should replace the file whole, as `save_policy` and `automix fit`
    do. One `Reloading` may serve many cascades, threads and tasks.

    Raises `PolicyError` if the file can't be read when this is made, `ConfigError` for what is no path or no time.
    """

    def __init__(self, path: str | os.PathLike[str], seconds: float = 1.0) -> None:
        if not isinstance(path, str | os.PathLike):
            raise ConfigError(f"Reloading(path) must be the path of a saved policy, not {type(path).__name__}.")
        if not is_number(seconds) or seconds < 0:
            raise ConfigError(f"Reloading(seconds) must be a number of seconds, 0 or more, not {seconds!r}.")
        self.path, self.seconds = Path(path), seconds
        self._lock = threading.Lock()
        self._models: set[int] = set()
        self._served: list[tuple[int, Live]] = []
        self._mark = self._look()
        self._policy, self._file = self._read()
        self._next = time.monotonic() + seconds

    def __repr__(self) -> str:
        return f"Reloading({str(self.path)!r})"

    def __deepcopy__(self, memo: dict[int, object]) -> Reloading:
        return self

    def __reduce__(self) -> tuple[type[Reloading], tuple[str, float]]:
        return Reloading, (str(self.path), self.seconds)

    @property
    def version(self) -> str:
        """The version of the policy that is running."""
        return self._policy.version

    def policy(self) -> Policy:
        """The policy for one call: the file's newest that could be read."""
        if time.monotonic() >= self._next and self._lock.acquire(blocking=False):
            try:
                self._next = time.monotonic() + self.seconds
                self._refresh()
            finally:
                self._lock.release()
        return self._policy

    def observe(self, signals: Mapping[str, float]) -> None:
        """Nothing is learned from single calls."""

    def check_models(self, models: int) -> None:
        """Raise `PolicyError` unless the policy fits a cascade of `models`; files to come are held to it too."""
        check_models(self._policy, models)
        self._models.add(models)

    def serve(self, models: int, live: Live) -> None:
        """Compare the file, and those to come, with a cascade of `models`: what differs is said once a file.

        Raises `PolicyError` if it was made for another number of models.
        """
        if (models, live) not in self._served:
            compare(self._file, self.path, models, live)
            self._served.append((models, live))

    def _refresh(self) -> None:
        mark = self._look()
        if mark is None or mark == self._mark:
            return
        self._mark = mark
        try:
            found, file = self._read()
            if found.version == self._policy.version:
                return
            for models in self._models:
                check_models(found, models)
            for models, live in self._served:
                compare(file, self.path, models, live)
        except PolicyError as error:
            log.warning("The new policy is not taken up, the running one stays: %s", error)
            return
        log.info("%s: policy %s takes the place of %s.", self.path, found.version, self._policy.version)
        self._policy, self._file = found, file

    def _look(self) -> tuple[int, int, int] | None:
        """What tells one state of the file from another; None while there is none."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> tuple[Versioned, PolicyFile]:
        from .saving import load_policy_file  # built at import; most callers load nothing

        file = load_policy_file(self.path)
        return Versioned(file.policy, hashlib.sha256(self.path.read_bytes()).hexdigest()[:12]), file

"""A model that keeps failing is left alone for a while."""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from ..errors import ConfigError, ModelError


@dataclass(frozen=True, slots=True)
class Breaker:
    """After `failures` failures in a row a model is not asked for `pause` seconds; then one call tries it again.

    Raises `ConfigError` for numbers that can't work.
    """

    failures: int = 3
    pause: float = 30.0

    def __post_init__(self) -> None:
        if isinstance(self.failures, bool) or not isinstance(self.failures, int) or self.failures < 1:
            raise ConfigError(f"Breaker: failures must be a whole number of 1 or more, not {self.failures!r}.")
        number = isinstance(self.pause, int | float) and not isinstance(self.pause, bool)
        if not number or not math.isfinite(self.pause) or self.pause <= 0:
            raise ConfigError(f"Breaker: pause must be a number of seconds above 0, not {self.pause!r}.")


@dataclass(slots=True)
class Circuit:
    """How one model has fared lately: closed, open for a pause, then half open, which lets one call through."""

    breaker: Breaker
    clock: Callable[[], float] = monotonic
    _failures: int = 0
    _until: float = 0.0
    _trying: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """One call of the model. Raises `ModelError` in its place while the model is left alone."""
        self._enter()
        try:
            yield
        except Exception:
            self._note(failed=True)
            raise
        except BaseException:  # an interruption says nothing about the model
            self._note(failed=None)
            raise
        self._note(failed=False)

    @property
    def is_open(self) -> bool:
        """True while the model is left alone."""
        return self._failures >= self.breaker.failures and (self._trying or self.clock() < self._until)

    def _enter(self) -> None:
        with self._lock:
            if self.is_open:
                raise ModelError(
                    f"The model failed {self._failures} times in a row and is left alone for "
                    f"{self.breaker.pause:g} seconds (breaker)."
                )
            self._trying = self._failures >= self.breaker.failures

    def _note(self, failed: bool | None) -> None:
        with self._lock:
            self._trying = False
            if failed:
                self._failures += 1
                self._until = self.clock() + self.breaker.pause
            elif failed is not None:
                self._failures = 0


_circuits: dict[tuple[int, Breaker], tuple[weakref.ref[Any], Circuit]] = {}
_lock = threading.Lock()


def circuit_of(model: object, breaker: Breaker | None) -> Circuit | None:
    """The circuit of this very model, the same in every cascade that has it; None without a breaker."""
    if breaker is None:
        return None
    key = (id(model), breaker)
    with _lock:
        found = _circuits.get(key)
        if found is not None and found[0]() is model:
            return found[1]
        circuit = Circuit(breaker)
        try:
            reference = weakref.ref(model, lambda gone: _forget(key, gone))
        except TypeError:  # nobody can refer to it: the circuit is the cascade's own
            return circuit
        _circuits[key] = (reference, circuit)
        return circuit


def _forget(key: tuple[int, Breaker], gone: weakref.ref[Any]) -> None:
    found = _circuits.get(key)  # no lock: this runs wherever the last reference went
    if found is not None and found[0] is gone:
        _circuits.pop(key, None)

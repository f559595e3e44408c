"""Drafts asked for with their tokens' log-probabilities, where a signal needs them and the client can."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..checking.refusal import Memory, refused, warn_refused
from .tokens import Token

log = logging.getLogger("automix")

M = TypeVar("M")
R = TypeVar("R")

DRAFT_ALTERNATIVES = 5
"""How many alternatives to each of a draft's tokens are asked for; some providers give no more."""


@dataclass(frozen=True, slots=True)
class Drafter(Generic[M]):
    """A model as it drafts: as it is, or as a copy that also reports log-probabilities.

    `telling` is None where none are wanted or its client has none. A provider that refuses them is asked without, at
    once, and from then on; that is said once.
    """

    plain: M
    telling: M | None
    memory: Memory
    name: str

    @classmethod
    def of(cls, plain: M, telling: M | None, memory: Memory, name: str, wanted: bool) -> Drafter[M]:
        """A drafter; one that is wanted to tell and can't says so once."""
        drafter = cls(plain, telling if wanted else None, memory, name)
        if wanted and telling is None:
            drafter._warn()
        return drafter

    def ask(self, call: Callable[[M], R]) -> R:
        """What `call` returns for the model."""
        if (telling := self._telling) is not None:
            try:
                return call(telling)
            except Exception as error:
                if not self._refused_by(error):
                    raise
        return call(self.plain)

    async def aask(self, call: Callable[[M], Awaitable[R]]) -> R:
        """`ask`, awaited."""
        if (telling := self._telling) is not None:
            try:
                return await call(telling)
            except Exception as error:
                if not self._refused_by(error):
                    raise
        return await call(self.plain)

    def told(self, tokens: Sequence[Token]) -> Sequence[Token]:
        """The tokens of a draft; where none came though they were asked for, they are not asked for again."""
        if not tokens and self._telling is not None:
            self.memory.forgo({"logprobs"})
            self._warn()
        return tokens

    @property
    def _telling(self) -> M | None:
        return None if "logprobs" in self.memory.refused else self.telling

    def _refused_by(self, error: Exception) -> bool:
        names = refused(error, {"logprobs"})
        self.memory.forgo(names)
        warn_refused(self.memory, self.name, names)
        return bool(names)

    def _warn(self) -> None:
        if self.memory.first("logprobs"):
            log.warning("%s gives no log-probabilities: its drafts' token signals are missing.", self.name)

"""What a cascade would cost beside the large model alone, from prices, lengths and the share of drafts kept.

Unit: one input token of the large model costs 1. With price ratio R, an input token of the small model costs 1 / R; an
output token costs `output_ratio` times an input token of the same model. With prompt p, answer a, check prompt c, reply
v, k verdicts and kept share s:

    large alone       p + o a                                   o: output_ratio
    draft             (p + o a) / R
    checks, one       (c + k o v) / R                           one request gives all k verdicts
    checks, separate  ((1 + (k - 1) d) c + k o v) / R           d: price of a cached input token, in input tokens
    cascade           draft + checks + (1 - s) large
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from automix_core.errors import ConfigError

Checks: TypeAlias = Literal["one", "separate", "token", "none"]
CHECKS: dict[Checks, str] = {
    "one": "one request gives all verdicts",
    "separate": "each verdict is a request of its own",
    "token": "one request for one word and its probability",
    "none": "the draft's own signals alone, no request",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """Questions and models, in tokens and ratios; `fixed` are the tokens of a check beside context, question, answer.

    Raises `ConfigError` for a number that can't be one.
    """

    context: float = 1500
    question: float = 50
    answer: float = 80
    ratio: float = 20
    kept: float = 0.6
    verdicts: int = 8
    reply: float = 40
    checks: Checks = "one"
    output_ratio: float = 4
    cached: float = 1
    fixed: float = 700

    def __post_init__(self) -> None:
        for name in ("context", "question", "fixed"):
            self._needs(name, getattr(self, name) >= 0, "0 tokens or more")
        for name in ("answer", "reply"):
            self._needs(name, getattr(self, name) > 0, "more than 0 tokens")
        self._needs("ratio", self.ratio > 0, "above 0: the large model's price divided by the small one's")
        self._needs("output_ratio", self.output_ratio > 0, "above 0")
        self._needs("kept", 0 <= self.kept <= 1, "a share from 0 to 1")
        self._needs("cached", 0 <= self.cached <= 1, "a share of the input price, from 0 to 1")
        self._needs("verdicts", self.verdicts >= 1, "1 or more")

    def _needs(self, name: str, holds: bool, what: str) -> None:
        value = getattr(self, name)
        if not holds or not math.isfinite(value):
            raise ConfigError(f"--{name.replace('_', '-')} must be {what}, not {value:g}.")

    @property
    def large(self) -> float:
        """The large model's answer."""
        return self.context + self.question + self.output_ratio * self.answer

    @property
    def draft(self) -> float:
        """The small model's answer, as long as the large one's."""
        return self.large / self.ratio

    @property
    def checking(self) -> float:
        """All checks of one draft, by the small model."""
        prompt = self.fixed + self.context + self.question + self.answer
        match self.checks:
            case "none":
                return 0.0
            case "token":
                return (prompt + self.output_ratio) / self.ratio
            case "one":
                return (prompt + self.verdicts * self.output_ratio * self.reply) / self.ratio
            case "separate":
                read = (1 + (self.verdicts - 1) * self.cached) * prompt
                return (read + self.verdicts * self.output_ratio * self.reply) / self.ratio

    @property
    def share(self) -> float:
        """The cascade's cost as a share of the large model's alone."""
        return (self.draft + self.checking) / self.large + 1 - self.kept

    @property
    def least_kept(self) -> float:
        """The share of drafts that must be kept for the cascade to cost no more; above 1 it never can."""
        return (self.draft + self.checking) / self.large

    @property
    def least_ratio(self) -> float | None:
        """The price ratio from which the cascade costs no more at this kept share; None: at no ratio."""
        return self.ratio * self.least_kept / self.kept if self.kept > 0 else None

    def to_dict(self) -> dict[str, Any]:
        """The shape and what follows from it."""
        parts = {name: getattr(self, name) / self.large for name in ("draft", "checking")}
        return asdict(self) | {
            "share_of_always_large": self.share,
            "parts": parts | {"large": 1 - self.kept},
            "least_kept": self.least_kept,
            "least_ratio": self.least_ratio,
        }

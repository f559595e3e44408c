"""What tokens cost. There is no built-in list: prices change, and a wrong one is worse than none."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from ..errors import ConfigError
from ..usage import Usage


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens: `input`, `output`, and where the provider bills them apart, `cached_input` for what a
    prompt cache served and `cache_write` for what was written into one. None: as any input.

    `Price(0, 0)` is free; an unknown price is `None` in place of a `Price`. Raises `ConfigError` for a negative or
    non-finite number.

    >>> Price(0.15, 0.60).of(Usage(1_000_000, 1_000_000))
    0.75
    """

    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None

    def __post_init__(self) -> None:
        for name in ("input", "output", "cached_input", "cache_write"):
            value = getattr(self, name)
            if name.startswith("cache") and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= sys.float_info.max:
                raise ConfigError(f"Price({name}) must be USD per million tokens, 0 or more, not {value!r}.")

    def of(self, usage: Usage) -> float:
        """The price of `usage` in USD."""
        read = self.input if self.cached_input is None else self.cached_input
        write = self.input if self.cache_write is None else self.cache_write
        cached = min(usage.cached_input_tokens, usage.input_tokens)  # some providers count it beside the input
        stored = min(usage.cache_write_tokens, usage.input_tokens - cached)
        fresh = usage.input_tokens - cached - stored
        whole = fresh * self.input + cached * read + stored * write + usage.output_tokens * self.output
        return whole / 1_000_000

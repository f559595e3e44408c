"""What drawing verdicts costs, in the same unit as the answers' costs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

from ..errors import ConfigError

_FIELDS = ("first", "again", "each", "round")


@dataclass(frozen=True, slots=True)
class VerdictCost:
    """A batch of b verdicts costs each * b, plus `first` if it is the draft's first batch, else `again`, plus `round`.

    `first` and `again` are what reading the prompt costs (with prefix caching `again` is near zero), `round` prices the
    time of one more round trip. Raises `ConfigError` for a negative or non-finite number.

    >>> VerdictCost(first=0.5, each=0.25).of(4, first=True)
    1.5
    """

    first: float = 0.0
    again: float = 0.0
    each: float = 0.0
    round: float = 0.0

    def __post_init__(self) -> None:
        for name in _FIELDS:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real) or value < 0 or not value <= sys.float_info.max:
                raise ConfigError(f"verdict_cost {name} must be a number, 0 or more, not {value!r}.")

    @classmethod
    def parse(cls, value: Any) -> VerdictCost:
        """From the form of a file: a number (the cost of each verdict) or a mapping of the four fields."""
        if isinstance(value, VerdictCost):
            return value
        if isinstance(value, Mapping):
            unknown = set(value).difference(_FIELDS)
            if unknown:
                raise ConfigError(
                    f"verdict_cost knows first, again, each and round, not {', '.join(sorted(map(str, unknown)))}."
                )
            return cls(**value)
        return cls(each=value)

    def of(self, verdicts: int, *, first: bool) -> float:
        """The cost of one batch of `verdicts`."""
        return self.each * verdicts + (self.first if first else self.again) + self.round

    def to_dict(self) -> dict[str, float]:
        """The form of a file."""
        return {"first": self.first, "again": self.again, "each": self.each, "round": self.round}

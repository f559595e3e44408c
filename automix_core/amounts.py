"""Whether what a user gave is a number that can be meant: of Python's or of any library like numpy, and finite."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, TypeGuard


def is_number(value: Any) -> TypeGuard[float]:
    """True for a finite number; False for a bool, which is mostly a slip."""
    return not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)


def is_seed(value: Any) -> TypeGuard[int | None]:
    """True for a whole number of Python's own, which `random` takes, or None."""
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def is_count(value: Any, least: int = 1) -> TypeGuard[int]:
    """True for a whole number of `least` or more."""
    return is_number(value) and hasattr(value, "__index__") and value >= least

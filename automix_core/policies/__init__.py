"""The rules that decide what to do next. Policies are pure, frozen and shareable; solving or fitting returns one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .always import Always
from .curtailed import Curtailed
from .mixture import Mixture
from .pomdp import POMDP
from .problem import ObservationModel, Problem
from .threshold import Band, Threshold

if TYPE_CHECKING:
    from .solver import solve

__all__ = ["POMDP", "Always", "Band", "Curtailed", "Mixture", "ObservationModel", "Problem", "Threshold", "solve"]


def __getattr__(name: str) -> Any:
    """`solve` needs numpy, which deciding doesn't: it is imported when it is asked for."""
    if name == "solve":
        from .solver import solve

        return solve
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

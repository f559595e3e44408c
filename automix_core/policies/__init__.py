"""The rules that decide what to do next. Policies are pure, frozen and shareable; solving or fitting returns one."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .always import Always
    from .curtailed import Curtailed
    from .evidence_threshold import EvidenceThreshold
    from .mixture import Mixture
    from .pomdp import POMDP
    from .problem import ObservationModel, Problem, SignalModel
    from .provider import PolicyProvider
    from .share import Share
    from .skipping import Skipping
    from .solver import solve
    from .threshold import Band, Threshold
    from .timed import Timed

__all__ = [
    "POMDP",
    "Always",
    "Band",
    "Curtailed",
    "EvidenceThreshold",
    "Mixture",
    "ObservationModel",
    "PolicyProvider",
    "Problem",
    "Share",
    "SignalModel",
    "Skipping",
    "Threshold",
    "Timed",
    "solve",
]

_HOMES = {
    "Band": "threshold",
    "EvidenceThreshold": "evidence_threshold",
    "ObservationModel": "problem",
    "PolicyProvider": "provider",
    "SignalModel": "problem",
    "solve": "solver",
}


def __getattr__(name: str) -> Any:
    """A policy loads its module when it is asked for; only `solve` needs numpy, which deciding doesn't."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES.get(name, name.lower())}", __name__), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]

"""The method, knowing no host: queries, verdicts, policies, routing, routes and their prices.

AutoMix (Aggarwal, Madaan et al., NeurIPS 2024, arXiv 2310.12963): a small model answers and checks its own answer, and
a meta-verifier that knows how noisy the check is decides whether to keep it or to pay for a larger model.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .decision import Accept, Decision, Draft, Finish, Policy, State, Tally, Verify
    from .errors import AutoMixError, ConfigError, DataError, EngineError, ModelError, PolicyError, QueryError
    from .policies import POMDP, Always, Band, Mixture, Threshold
    from .price import Price
    from .route import Route
    from .saving import load_policy

__all__ = [
    "POMDP",
    "Accept",
    "Always",
    "AutoMixError",
    "Band",
    "ConfigError",
    "DataError",
    "Decision",
    "Draft",
    "EngineError",
    "Finish",
    "Mixture",
    "ModelError",
    "Policy",
    "PolicyError",
    "Price",
    "QueryError",
    "Route",
    "State",
    "Tally",
    "Threshold",
    "Verify",
    "load_policy",
]

_HOMES = {"Price": "price", "Route": "route", "load_policy": "saving"}
_HOMES |= dict.fromkeys(("Accept", "Decision", "Draft", "Finish", "Policy", "State", "Tally", "Verify"), "decision")
_HOMES |= dict.fromkeys(("POMDP", "Always", "Band", "Mixture", "Threshold"), "policies")


def __getattr__(name: str) -> Any:
    """A public name loads its module when it is asked for: a chat model needs few of them at import."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES.get(name, 'errors')}", __name__), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]

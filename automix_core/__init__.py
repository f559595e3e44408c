"""The method, knowing no host: queries, verdicts, policies, routing, routes and their prices.

AutoMix (Aggarwal, Madaan et al., NeurIPS 2024, arXiv 2310.12963): a small model answers and checks its own answer, and
a meta-verifier that knows how noisy the check is decides whether to keep it or to pay for a larger model.
"""

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

"""The method, knowing no host: queries, verdicts, policies, routing, routes and their prices.

AutoMix (Aggarwal, Madaan et al., NeurIPS 2024, arXiv 2310.12963): a small model answers and checks its own answer, and
a meta-verifier that knows how noisy the check is decides whether to keep it or to pay for a larger model.
"""

from .decision import Accept, Decision, Draft, Finish, Policy, State, Tally, Verify
from .errors import AutoMixError, ConfigError, DataError, EngineError, ModelError, PolicyError, QueryError
from .policies.always import Always
from .policies.threshold import Band, Threshold
from .price import Price
from .route import Route

__all__ = [
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
]

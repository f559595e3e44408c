"""The method, knowing no framework: queries, verdicts, policies, routing, routes and their prices.

AutoMix (Aggarwal, Madaan et al., NeurIPS 2024, arXiv 2310.12963): a small model answers and checks its own answer, and
a meta-verifier that knows how noisy the check is decides whether to keep it or to pay for a larger model.

The names in `__all__` are the public ones; the modules behind them may change.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .audit.score import score
    from .checking.custom import CheckFunction
    from .checking.limiter import Limiter
    from .decision import Accept, Decision, Draft, Finish, Measure, Policy, State, Tally, Verify
    from .drift.monitor import DriftMonitor
    from .errors import (
        AutoMixError,
        ConfigError,
        CostLimitError,
        DataError,
        EngineError,
        LimitError,
        ModelError,
        PolicyError,
        QueryError,
        TimeLimitError,
    )
    from .evaluation.evaluate import evaluate
    from .fitting.fit import Objective, fit
    from .outcomes.outcome import Outcome, Question, read_outcomes, read_questions
    from .outcomes.verdict_cost import VerdictCost
    from .policies import POMDP, Always, Band, Mixture, ObservationModel, Problem, Share, Threshold, solve
    from .policies.explain import explain
    from .policies.reloading import Reloading
    from .policies.saving import load_policy, save_policy
    from .routing.breaker import Breaker
    from .routing.price import Price
    from .routing.route import Route
    from .routing.summary import summary

__all__ = [
    "POMDP",
    "Accept",
    "Always",
    "AutoMixError",
    "Band",
    "Breaker",
    "CheckFunction",
    "ConfigError",
    "CostLimitError",
    "DataError",
    "Decision",
    "Draft",
    "DriftMonitor",
    "EngineError",
    "Finish",
    "LimitError",
    "Limiter",
    "Measure",
    "Mixture",
    "ModelError",
    "Objective",
    "ObservationModel",
    "Outcome",
    "Policy",
    "PolicyError",
    "Price",
    "Problem",
    "QueryError",
    "Question",
    "Reloading",
    "Route",
    "Share",
    "State",
    "Tally",
    "Threshold",
    "TimeLimitError",
    "VerdictCost",
    "Verify",
    "evaluate",
    "explain",
    "fit",
    "load_policy",
    "read_outcomes",
    "read_questions",
    "save_policy",
    "score",
    "solve",
    "summary",
]

_HOMES = {
    "score": "audit.score",
    "DriftMonitor": "drift.monitor",
    "summary": "routing.summary",
    "CheckFunction": "checking.custom",
    "Accept": "decision",
    "Decision": "decision",
    "Draft": "decision",
    "Finish": "decision",
    "Measure": "decision",
    "Policy": "decision",
    "State": "decision",
    "Tally": "decision",
    "Verify": "decision",
    "AutoMixError": "errors",
    "ConfigError": "errors",
    "CostLimitError": "errors",
    "DataError": "errors",
    "EngineError": "errors",
    "LimitError": "errors",
    "ModelError": "errors",
    "PolicyError": "errors",
    "QueryError": "errors",
    "TimeLimitError": "errors",
    "evaluate": "evaluation.evaluate",
    "Objective": "fitting.fit",
    "fit": "fitting.fit",
    "Outcome": "outcomes.outcome",
    "Question": "outcomes.outcome",
    "read_outcomes": "outcomes.outcome",
    "read_questions": "outcomes.outcome",
    "VerdictCost": "outcomes.verdict_cost",
    "Always": "policies",
    "Band": "policies",
    "Mixture": "policies",
    "ObservationModel": "policies",
    "POMDP": "policies",
    "Problem": "policies",
    "Reloading": "policies.reloading",
    "Share": "policies",
    "Threshold": "policies",
    "solve": "policies",
    "explain": "policies.explain",
    "load_policy": "policies.saving",
    "save_policy": "policies.saving",
    "Breaker": "routing.breaker",
    "Limiter": "checking.limiter",
    "Price": "routing.price",
    "Route": "routing.route",
}


def __getattr__(name: str) -> Any:
    """A public name loads its module when it is asked for: a chat model needs few of them at import."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]

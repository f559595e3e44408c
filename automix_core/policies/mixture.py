"""Two policies, one of them chosen by a coin for each call: how a budget between two policies is met exactly."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace

from ..decision import Decision, Policy, State, check_models
from ..evidence.asked import QUERY
from .threshold import unit_interval

_BELOW_ONE = 1 - 2**-53


@dataclass(frozen=True, slots=True, repr=False)
class Mixture:
    """`first` decides a share `weight` of the calls, `second` the others, chosen by `state.coin`.

    The policy that is chosen sees the coin stretched to [0, 1) again, so a mixture of mixtures is exact. Points of two
    policies mix linearly: cost and score are weight * first + (1 - weight) * second.

    Raises `ConfigError` unless 0 <= weight <= 1.
    """

    first: Policy
    second: Policy
    weight: float

    def __post_init__(self) -> None:
        unit_interval("Mixture(weight)", self.weight)

    def __repr__(self) -> str:
        return f"Mixture({self.first!r}, {self.second!r}, {self.weight:g})"

    def decide(self, state: State) -> Decision:
        """As the chosen policy decides; the reason names the draw."""
        weight = self.weight
        chosen = state.coin < weight
        policy, share, name = (self.first, weight, "first") if chosen else (self.second, 1 - weight, "second")
        decision = policy.decide(replace(state, coin=self.stretch(state.coin, chosen)))
        reason = f"{decision.reason} (The {name} of two policies, used for {share:.1%} of calls.)"
        return replace(decision, reason=reason)

    def sees(self, state: State) -> Hashable | None:
        """All of `state` that the chosen policy looks at, and which it is; None if it doesn't tell."""
        chosen = state.coin < self.weight
        sees = getattr(self.first if chosen else self.second, "sees", None)
        seen = sees(replace(state, coin=self.stretch(state.coin, chosen))) if callable(sees) else None
        return None if seen is None else (chosen, seen)

    @property
    def by_latest(self) -> bool:
        """Whether both policies look at the latest draft alone."""
        return all(getattr(policy, "by_latest", False) for policy in (self.first, self.second))

    @property
    def signal_names(self) -> tuple[str, ...]:
        """The free signals that either policy uses, sorted."""
        return _both(self, "signal_names")

    @property
    def query_signal_names(self) -> tuple[str, ...]:
        """The signals of the query that either policy looks at, sorted; all if one doesn't tell."""
        each = (getattr(policy, "query_signal_names", QUERY) for policy in (self.first, self.second))
        return tuple(sorted({name for names in each for name in names}))

    @property
    def measures(self) -> tuple[str, ...]:
        """The paid signals that either policy may ask for, sorted."""
        return _both(self, "measures")

    def missing(self, model: int, signals: Mapping[str, float]) -> tuple[str, ...]:
        """The signals that either policy was fitted with and that a draft of `model` lacks, sorted."""
        asked = (getattr(policy, "missing", None) for policy in (self.first, self.second))
        return tuple(sorted({name for each in asked if callable(each) for name in each(model, signals)}))

    def check_models(self, models: int) -> None:
        """Raise `PolicyError` if either policy can't decide for a cascade of `models`."""
        check_models(self.first, models)
        check_models(self.second, models)

    def stretch(self, coin: float, chosen: bool) -> float:
        """The coin that the first policy sees if `chosen`, else the second."""
        return min(coin / self.weight if chosen else (coin - self.weight) / (1 - self.weight), _BELOW_ONE)


def _both(mixture: Mixture, names: str) -> tuple[str, ...]:
    return tuple(sorted({n for policy in (mixture.first, mixture.second) for n in getattr(policy, names, ())}))

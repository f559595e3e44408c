"""A policy that is watched while it decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from automix_core.decision import Decision, Policy, State, check_models
from automix_core.evidence.asked import QUERY

from .events import Show, Weighed


@dataclass(slots=True, repr=False)
class Watched:
    """Decides as `policy`, and tells `show` what was weighed."""

    policy: Policy
    show: Show = field(default=lambda event: None)

    def __repr__(self) -> str:
        return repr(self.policy)

    def decide(self, state: State) -> Decision:
        """The policy's decision."""
        decision = self.policy.decide(state)
        self.show(Weighed(state, decision, self.signal_names))
        return decision

    @property
    def quiet(self) -> Policy:
        """The policy alone, for decisions that are only looked ahead at."""
        return self.policy

    @property
    def query_signal_names(self) -> tuple[str, ...]:
        """The signals of the query that it uses; all of them where it doesn't say."""
        return tuple(getattr(self.policy, "query_signal_names", QUERY))

    @property
    def signal_names(self) -> tuple[str, ...]:
        """The free signals that the policy uses."""
        return tuple(getattr(self.policy, "signal_names", ()))

    @property
    def measures(self) -> tuple[str, ...]:
        """The paid signals that it may ask for."""
        return tuple(getattr(self.policy, "measures", ()))

    def missing(self, model: int, signals: Mapping[str, float]) -> tuple[str, ...]:
        """The signals that it was fitted with and that a draft of `model` lacks."""
        asked = getattr(self.policy, "missing", None)
        return asked(model, signals) if callable(asked) else ()

    def check_models(self, models: int) -> None:
        """Raise `PolicyError` if it can't decide for a cascade of `models`."""
        check_models(self.policy, models)

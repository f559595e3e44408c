"""A policy that is watched while it decides."""

from __future__ import annotations

from dataclasses import dataclass

from automix_core.decision import Decision, Policy, State
from automix_core.policies.within import Within

from .events import Show, Weighed


@dataclass(frozen=True, slots=True, repr=False)
class Watched(Within):
    """Decides as `policy`, and tells `show` what was weighed."""

    policy: Policy
    show: Show

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

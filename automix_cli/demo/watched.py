"""A policy that is watched while it decides."""

from __future__ import annotations

from dataclasses import dataclass, field

from automix_core.decision import Decision, Policy, State

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
        self.show(Weighed(state, decision))
        return decision

"""A policy with the version that routes tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..decision import Decision, Policy, State, check_models


@dataclass(frozen=True, slots=True, repr=False)
class Versioned:
    """Decides as `policy`; `version` stands in each route as `policy_version`."""

    policy: Policy
    version: str

    def __repr__(self) -> str:
        return repr(self.policy)

    def __getattr__(self, name: str) -> Any:
        if name in ("policy", "version"):
            raise AttributeError(name)
        return getattr(self.policy, name)

    def decide(self, state: State) -> Decision:
        """The policy's decision."""
        return self.policy.decide(state)

    def check_models(self, models: int) -> None:
        """Raise `PolicyError` if the policy can't decide for a cascade of `models`."""
        check_models(self.policy, models)

"""What gives a policy that may change from call to call, while the policies themselves never do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ..decision import Policy


@runtime_checkable
class PolicyProvider(Protocol):
    """A driver asks for `policy()` once a call and holds what it got for that call.

    After the call it tells `observe` the signals of the first draft, if one was made. Any thread may call both.
    """

    def policy(self) -> Policy:
        """The frozen policy for one call."""
        ...

    def observe(self, signals: Mapping[str, float]) -> None:
        """The signals of the first draft of a call that has ended."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """A provider that gives one policy always."""

    given: Policy

    def policy(self) -> Policy:
        """The policy."""
        return self.given

    def observe(self, signals: Mapping[str, float]) -> None:
        """Nothing is learned."""


def given(provider: PolicyProvider) -> Policy | PolicyProvider:
    """What a user gave: a policy, or the provider itself."""
    return provider.given if isinstance(provider, Fixed) else provider


def provider_of(policy: Policy | PolicyProvider) -> PolicyProvider:
    """A provider as it is; a policy as a provider of itself."""
    return policy if isinstance(policy, PolicyProvider) else Fixed(policy)

"""What a policy tells of itself, where it decides by another one within it."""

from __future__ import annotations

from collections.abc import Mapping

from ..decision import Policy, check_models
from ..evidence.asked import QUERY


class Within:
    """Tells what `policy`, the one within, tells: what that one looks at, this one does."""

    __slots__ = ()
    policy: Policy

    @property
    def signal_names(self) -> tuple[str, ...]:
        """The free signals that its policy uses."""
        return tuple(getattr(self.policy, "signal_names", ()))

    @property
    def query_signal_names(self) -> tuple[str, ...]:
        """The signals of the query that its policy looks at; all if it doesn't tell."""
        return tuple(getattr(self.policy, "query_signal_names", QUERY))

    @property
    def measures(self) -> tuple[str, ...]:
        """The paid signals that its policy may ask for."""
        return tuple(getattr(self.policy, "measures", ()))

    def missing(self, model: int, signals: Mapping[str, float]) -> tuple[str, ...]:
        """The signals that its policy was fitted with and that a draft of `model` lacks."""
        asked = getattr(self.policy, "missing", None)
        return asked(model, signals) if callable(asked) else ()

    def check_models(self, models: int) -> None:
        """Raise `PolicyError` if its policy can't decide for a cascade of `models`."""
        check_models(self.policy, models)

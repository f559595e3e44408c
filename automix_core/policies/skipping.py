"""A choice before any draft: the smaller models are skipped where the query itself says that they would be wasted."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from ..decision import Decision, Finish, Policy, State, check_models
from ..errors import ConfigError, PolicyError
from ..evidence.asked import QUERY
from ..evidence.estimator import Evidence
from .threshold import unit_interval
from .within import Within


@dataclass(frozen=True, slots=True, repr=False)
class Skipping(Within):
    """Let `model` answer at once where `wasted`, made of the query's signals, is `at_least` so much; else as `policy`.

    `wasted` is the chance, weighted by what is at stake, that the question is better given to `model` without a draft.
    A query that lacks a signal which it needs is left to `policy`.

    Raises `ConfigError` unless 0 <= at_least <= 1 and `model` is a later model's number.
    """

    policy: Policy
    wasted: Evidence
    model: int
    at_least: float = 0.5

    def __post_init__(self) -> None:
        unit_interval("Skipping(at_least)", self.at_least)
        if isinstance(self.model, bool) or not isinstance(self.model, int) or self.model < 1:
            raise ConfigError(f"Skipping(model) is the number of a later model, 1 or more, not {self.model!r}.")

    def __repr__(self) -> str:
        return f"Skipping({self.policy!r}, model={self.model})"

    def decide(self, state: State) -> Decision:
        """Skip, before any draft, or as the policy decides."""
        if state.latest is None and not any(state.drafted):
            wasted = self.wasted.of(dict(state.query_signals))
            if wasted is not None and wasted >= self.at_least:
                why = f"Skipped to model {self.model}: by the question and its context, a draft would be wasted"
                return Decision(Finish(self.model), f"{why} ({wasted:.2f}).", {"wasted": wasted})
        return self.policy.decide(state)

    def sees(self, state: State) -> Hashable | None:
        """All of `state` that its policy looks at once a draft is held; None if it doesn't tell."""
        sees = getattr(self.policy, "sees", None)
        return sees(state) if callable(sees) and any(state.drafted) else None

    @property
    def by_latest(self) -> bool:
        """Whether its policy looks at the latest draft alone."""
        return bool(getattr(self.policy, "by_latest", False))

    @property
    def query_signal_names(self) -> tuple[str, ...]:
        """The signals of the query that it or its policy looks at, sorted; all if that doesn't tell."""
        return tuple(sorted({*self.wasted.names, *getattr(self.policy, "query_signal_names", QUERY)}))

    def check_models(self, models: int) -> None:
        """Raise `PolicyError` if its policy can't decide for a cascade of `models`, or the cascade has no `model`."""
        if self.model >= models:
            raise PolicyError(f"This policy skips to model {self.model}; the cascade's models are 0 to {models - 1}.")
        check_models(self.policy, models)

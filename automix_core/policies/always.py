"""One model answers every question, unchecked: the single-model baselines, and the kill switch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..decision import Decision, Finish, State
from ..errors import ConfigError, PolicyError


@dataclass(frozen=True, slots=True, repr=False)
class Always:
    """`model` answers every question; -1 is the last, as in a list.

    Raises `ConfigError` if `model` is not a whole number, `PolicyError` when the cascade has no such model.
    """

    model: int
    query_signal_names: ClassVar[tuple[str, ...]] = ()
    """It does not look at the query."""

    def __post_init__(self) -> None:
        if isinstance(self.model, bool) or not isinstance(self.model, int):
            raise ConfigError(f"Always(model) must be the number of a model (0 is the first), not {self.model!r}.")

    def __repr__(self) -> str:
        return f"Always({self.model})"

    def decide(self, state: State) -> Decision:
        """Finish with the chosen model."""
        models = len(state.drafted)
        self.check_models(models)
        chosen = self.model % models
        return Decision(Finish(chosen), f"The policy lets model {chosen} answer every question.")

    def check_models(self, models: int) -> None:
        """Raise `PolicyError` unless a cascade of `models` has the chosen model."""
        if not -models <= self.model < models:
            raise PolicyError(
                f"{self!r} names a model that a cascade of {models} does not have; 0 is the first, -1 the last."
            )

"""`MetaVerifier`: the policy as a step of its own, for graphs, and the step that the chat model traces."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from os import PathLike
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda, RunnableSerializable
from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from automix_core.checking.results import read_result
from automix_core.decision import Accept, Decision, Measure, Policy, Signals, State, Tally, Verify, sorted_signals
from automix_core.errors import ConfigError, PolicyError
from automix_core.keywords import spelt_out
from automix_core.policies.loading import as_policy
from automix_core.routing.procedure import possible


def as_plain(policy: Policy) -> dict[str, Any] | Policy:
    """`policy` as plain data that `as_policy` takes back, or itself if it is of a user's own class."""
    from automix_core.policies.record import policy_dict

    try:
        return policy_dict(policy)
    except PolicyError:
        return policy


class MetaVerifier(RunnableSerializable[dict[str, Any], dict[str, Any]]):
    """Decides from what the verifier said whether to keep a draft, check it again, or let a later model answer.

    In: the verifier's output and `"model"`, the number of the model that drafted (0 if absent); optionally
    `"available"`, how many more verdicts could be drawn (0 if absent), and `"signals"`, what is known about the draft
    beside, as numbers by name: a policy that goes by signals needs no verdicts. Out: `{"action", "model", "reason"}`,
    where the action is accept, verify or escalate and the model is the one kept, checked or to answer; verify adds
    `"n"`, the number of verdicts wanted. `verifier | meta_verifier` composes; in a LangGraph it is a node, and `edge` a
    conditional edge.

    Raises `ConfigError` for settings that can't work, `PolicyError` for a policy that can't be read or was made for
    another number of models.
    """

    models: int = 2
    """How many models the cascade has."""
    policy: Any = Field(default=None, validate_default=True)
    """A policy, or the path of a saved one; None is `Threshold(0.75)`."""

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True, defer_build=True)

    @spelt_out
    def __init__(
        self, policy: Policy | str | PathLike[str] | None = None, models: int = 2, *, name: str | None = None
    ) -> None: ...

    @field_validator("models")
    @classmethod
    def _two_or_more(cls, models: int) -> int:
        if models < 2:
            raise ConfigError(f"MetaVerifier: models must be 2 or more, not {models}.")
        return models

    @field_validator("policy")
    @classmethod
    def _made_for_them(cls, policy: Any, known: ValidationInfo) -> Any:
        return as_policy(policy, known.data["models"]) if "models" in known.data else policy

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        return [("policy", self.policy), ("models", self.models)]

    @property
    def edge(self) -> Runnable[dict[str, Any], str]:
        """The action alone, as LangGraph's conditional edges want it."""
        return RunnableLambda(lambda values: str(self.invoke(values)["action"]), name="meta_verifier_edge")

    def invoke(self, input: dict[str, Any], config: RunnableConfig | None = None, **_: Any) -> dict[str, Any]:
        """The decision on the verdicts in `input`. Raises `ConfigError` if they or the model can't be read."""

        def work(values: dict[str, Any]) -> dict[str, Any]:
            state = self._state(values)
            return _plain(self._decided(state), state)

        return self._call_with_config(work, input, config)

    def decide(self, state: State, config: RunnableConfig, policy: Policy | None = None) -> Decision:
        """The decision of `policy` (None: its own) in `state`, traced as a run of its own."""
        found: list[Decision] = []

        def work(_: Any) -> dict[str, Any]:
            found.append(self._decided(state, policy))
            return _plain(found[0], state)

        self._call_with_config(work, _seen(state), config)
        return found[0]

    async def adecide(self, state: State, config: RunnableConfig, policy: Policy | None = None) -> Decision:
        """`decide` with the callbacks awaited."""
        found: list[Decision] = []

        async def work(_: Any) -> dict[str, Any]:
            found.append(self._decided(state, policy))
            return _plain(found[0], state)

        await self._acall_with_config(work, _seen(state), config)
        return found[0]

    def _decided(self, state: State, policy: Policy | None = None) -> Decision:
        return possible((policy or self.policy).decide(state), state)

    def _state(self, values: Any) -> State:
        if not isinstance(values, Mapping):
            kind = type(values).__name__
            raise ConfigError(f"MetaVerifier needs the verifier's output, a dict with verdicts, not {kind}.")
        model = values.get("model", 0)
        if isinstance(model, bool) or not isinstance(model, int) or not 0 <= model < self.models:
            raise ConfigError(f'MetaVerifier: "model" must be a number from 0 to {self.models - 1}, not {model!r}.')
        signals = _signals(values.get("signals"))
        if "verdicts" not in values and "confidence" not in values and not signals:
            raise ConfigError("MetaVerifier needs the verifier's output (verdicts, or a confidence), or signals.")
        verdicts = list(values.get("verdicts") or ())
        tally = read_result(verdicts, len(verdicts))
        if not verdicts and values.get("confidence") is not None:
            tally = read_result(values["confidence"], 0)
        available = values.get("available") or 0
        if isinstance(available, bool) or not isinstance(available, int) or available < 0:
            raise ConfigError(f'MetaVerifier: "available" must be a number of verdicts, not {available!r}.')
        here = [number == model for number in range(self.models)]
        return State(
            drafted=tuple(here),
            tallies=tuple(tally if it else Tally() for it in here),
            available=tuple(available if it else 0 for it in here),
            signals=tuple(signals if it else () for it in here) if signals else (),
        )


def _signals(given: Any) -> Signals:
    """Signals as a state holds them; one that is None is missing. Raises `ConfigError` for what is no number."""
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise ConfigError(f'MetaVerifier: "signals" must be a dict of numbers by name, not {type(given).__name__}.')
    for name, value in given.items():
        number = isinstance(value, Real) and not isinstance(value, bool)
        if value is not None and not (number and math.isfinite(value)):
            shown = value if number else type(value).__name__
            raise ConfigError(f"MetaVerifier: the signal {name!r} must be a finite number, not {shown}; leave it out.")
    return sorted_signals({name: value for name, value in given.items() if value is not None})


def _seen(state: State) -> dict[str, Any]:
    """What a trace shows as the meta-verifier's input: the confidence and counts of the draft in question."""
    model = state.latest
    if model is None:
        return {}
    tally = state.tallies[model]
    seen = {"model": model, "confidence": tally.confidence, "verdicts": tally.to_dict()}
    return {**seen, "signals": found} if (found := state.signals_of(model)) else seen


def _plain(decision: Decision, state: State) -> dict[str, Any]:
    """The decision in words, as it will be carried out: a draft of which nothing could be read is not kept."""
    action, reason, drafted = decision.action, decision.reason, state.latest or 0
    if isinstance(action, Verify):
        return {"action": "verify", "model": action.model, "reason": reason, "n": action.n}
    if isinstance(action, Measure):
        return {"action": "measure", "model": action.model, "reason": reason, "name": action.name}
    if isinstance(action, Accept) and state.tallies[action.model].mute and drafted + 1 < len(state.drafted):
        reason = f"No check of model {action.model}'s draft could be read."
        return {"action": "escalate", "model": drafted + 1, "reason": reason}
    if isinstance(action, Accept):
        return {"action": "accept", "model": action.model, "reason": reason}
    later = action.model > drafted
    return {"action": "escalate" if later else "accept", "model": max(action.model, drafted), "reason": reason}

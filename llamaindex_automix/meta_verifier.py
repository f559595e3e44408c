"""The meta-verifier: the policy, deciding in a span of its own."""

from __future__ import annotations

from llama_index_instrumentation import DispatcherSpanMixin, get_dispatcher
from pydantic import BaseModel, ConfigDict, Field

from automix_core.decision import Accept, Decision, Measure, Policy, State, Verify
from automix_core.routing.procedure import possible

from .events import observed

dispatcher = get_dispatcher(__name__)


_WORDS: dict[type, str] = {Accept: "accept", Verify: "verify", Measure: "measure"}


class Ruling(BaseModel):
    """A decision as a trace shows it: accept, verify, measure or escalate (a later model is to answer), and why."""

    action: str
    model: int
    reason: str
    decision: Decision = Field(exclude=True, repr=False)

    model_config = ConfigDict(arbitrary_types_allowed=True)


class MetaVerifier(DispatcherSpanMixin):
    """Asks the policy what to do."""

    def decide(self, policy: Policy, state: State) -> Decision:
        """The decision of `policy`. Only those on a draft that was checked are worth a span."""
        model = state.latest
        if not observed():
            return policy.decide(state)
        known = model is not None and (state.tallies[model].drawn or state.tallies[model].probability is not None)
        return self.meta_verify(policy, state).decision if known else policy.decide(state)

    @dispatcher.span
    def meta_verify(self, policy: Policy, state: State) -> Ruling:
        """The decision of `policy` in `state`, in words. Raises `PolicyError` for one that can't be carried out."""
        decision = possible(policy.decide(state), state)
        action = decision.action
        word = next((word for kind, word in _WORDS.items() if isinstance(action, kind)), "escalate")
        return Ruling(action=word, model=action.model, reason=decision.reason, decision=decision)

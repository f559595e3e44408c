"""Stopping early without loss: no verdict is drawn that can't change what happens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from ..decision import Accept, Decision, Finish, Policy, State, Tally, Verify
from .problem import final_counts
from .within import Within


@dataclass(frozen=True, slots=True, repr=False)
class Curtailed(Within):
    """Decides as `policy` after all its verdicts, but asks only for as many as can settle the matter.

    It is for policies that draw every available verdict at once and then decide (`Threshold`, `Band`, a POMDP solved
    with `fixed`): the route is the same on every query, only verdicts are saved. Other policies, which price verdicts
    themselves, are left as they are. Asking several times costs round trips: worth it where a second batch is cheap.
    """

    policy: Policy

    def __repr__(self) -> str:
        return f"Curtailed({self.policy!r})"

    def decide(self, state: State) -> Decision:
        """The policy's decision if every way the remaining verdicts can fall leads to it, else a few verdicts more."""
        m = state.latest
        if m is None or not state.available[m] or state.tallies[m].probability is not None:
            return self.policy.decide(state)
        whole = _with(state, m, Tally(), state.available[m] + state.tallies[m].drawn)
        if self.policy.decide(whole).action != Verify(m, whole.available[m]):
            return self.policy.decide(state)
        return _settled(self, state, m) or _ask(self, state, m)


@lru_cache(maxsize=1 << 14)
def _settled(curtailed: Curtailed, state: State, m: int) -> Decision | None:
    """The decision that all ways of drawing the remaining verdicts have in common, if there is one."""
    left, ends = state.available[m], []
    for correct, incorrect, unreadable in final_counts(left):
        ends.append(
            curtailed.policy.decide(_with(state, m, state.tallies[m] + Tally(correct, incorrect, unreadable), 0))
        )
        if ends[-1].action != ends[0].action:
            return None
    if not left:
        return ends[0]
    reason = f"Whatever {left} more verdicts would say, the decision stands."
    values = dict(ends[0].values) if isinstance(ends[0].action, Accept | Finish) else {}
    return Decision(ends[0].action, reason, values)


@lru_cache(maxsize=1 << 14)
def _ask(curtailed: Curtailed, state: State, m: int) -> Decision:
    """The smallest batch after which some outcome is settled: a smaller one would only be followed by another."""
    left = state.available[m]
    for b in range(1, left + 1):
        ahead = (_with(state, m, state.tallies[m] + Tally(*count), left - b) for count in final_counts(b))
        if any(_settled(curtailed, after, m) for after in ahead):
            break
    return Decision(Verify(m, b), f"{b} more verdicts may settle it.")


def _with(state: State, m: int, tally: Tally, available: int) -> State:
    """`state` with another tally and number available for model m's draft."""
    tallies = tuple(tally if i == m else t for i, t in enumerate(state.tallies))
    return replace(
        state, tallies=tallies, available=tuple(available if i == m else a for i, a in enumerate(state.available))
    )

"""Verdicts drawn in rounds, none of which can't change what happens (curtailment, without loss).

A policy asks for a batch of verdicts. Where each is a request of its own the batch is drawn in rounds, and its rest is
left out as soon as the decision is the same however the rest would fall. So every policy decides as it would have
decided after the whole batch; only requests are saved. How large a round is follows from what a round trip is worth: it
is the size of least expected price, verdicts taken to fall as Jeffreys' rule says from those on the draft so far.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any, TypeAlias

from ..decision import Accept, Action, Decision, Draft, Finish, Policy, State, Tally, Verify
from ..routing.effects import Batch
from ..routing.trail import onward
from .timed import Timed

ROUND = 1.0
"""What one more round trip is worth, in verdicts that are requests of their own: see docs/benchmarks-latency.md."""
AT_ONCE = 1e6
"""A round trip at which no batch is worth dividing; a file can't hold infinity."""
MOST = 16
"""Verdicts that are looked ahead at; of a larger batch the rest is drawn first."""
_PLANS = 1024
_OPEN = -1
_PRIOR = 0.5

_Count: TypeAlias = tuple[int, ...]
"""Correct, incorrect and unreadable verdicts, and those that failed where the policy may tell these apart."""


def in_rounds(policy: Policy, batch: Batch | None) -> Policy:
    """What decides while `batch` is drawn: `policy` itself when none is."""
    return policy if batch is None else _InRounds(policy, batch)


def round_price(together: bool, policy: Any = None, model: int = 0) -> float:
    """What one more round trip is worth in checks of the draft of `model`, in verdicts.

    `together`: one request gives all verdicts of a batch. A `policy` that was fitted for what a second is worth knows
    the price; it is never less than that of the others, as replays count it.
    """
    if together:
        return math.inf
    while policy is not None and not isinstance(policy, Timed):
        policy = getattr(policy, "policy", None)
    known = None if policy is None else policy.worth_of_round(model)
    return ROUND if known is None else max(ROUND, known)


@dataclass(frozen=True, slots=True)
class _InRounds:
    """Decides whether the rest of a batch matters, and how much of it to draw next.

    What might happen is asked of the policy's `quiet` self, where it has one: a policy that tells somebody of its
    decisions would tell of those that nobody comes to.
    """

    policy: Policy
    batch: Batch

    def decide(self, state: State) -> Decision:
        """The next round, or what the policy decides however the rest of the batch would fall."""
        m, left = self.batch.model, self.batch.left
        tally = state.tallies[m]
        if tally.failed and not tally.drawn:
            return Decision(Verify(m, left), "Every check so far failed; the others are asked.")
        if left > MOST:
            whole = self.batch.price == math.inf
            return Decision(Verify(m, left if whole else left - MOST), "The draft is checked before it is kept.")
        found = _plan(getattr(self.policy, "quiet", self.policy), state, self.batch)
        if isinstance(found, int):
            words = f"{found} more verdicts may settle it." if found < left else "The draft is checked."
            return Decision(Verify(m, found), words)
        return self._settled(state, found)

    def _settled(self, state: State, action: Action) -> Decision:
        """The decision, in the words that the policy has for what is known by now."""
        m, left = self.batch.model, self.batch.left
        known = self.policy.decide(_after(state, m, state.tallies[m], left))
        rest = f"{left} more verdict{'s' if left > 1 else ''} would change nothing."
        if known.action == action:
            return replace(known, reason=f"{known.reason} {rest}")
        return Decision(action, rest)


_plans: dict[Hashable, tuple[Policy, int | Action]] = {}


def _plan(policy: Policy, state: State, batch: Batch) -> int | Action:
    """How many verdicts to draw next, or what is done however they all would fall. Remembered where that can help."""
    sees = getattr(policy, "sees", None)
    seen = sees(state) if callable(sees) else None
    if seen is None:
        return _worked_out(policy, state, batch)
    key = (id(policy), seen, batch)
    known = _plans.get(key)
    if known is None or known[0] is not policy:
        if len(_plans) >= _PLANS:
            _plans.clear()
        known = _plans[key] = (policy, _worked_out(policy, state, batch))
    return known[1]


def _worked_out(policy: Policy, state: State, batch: Batch) -> int | Action:
    m, left, numbers = batch.model, batch.left, dict[Action, int]()
    alike = bool(getattr(policy, "by_latest", False))
    ends: list[int] = []
    for count in _counts(left, 3 if alike else 4):
        action = _end(policy, state, m, count, left)
        last = isinstance(action, Accept | Finish) or (alike and isinstance(action, Draft))
        ends.append(numbers.setdefault(action, len(numbers)) if action is not None and last else _OPEN)
        if batch.price == math.inf and (ends[-1] == _OPEN or ends[-1] != ends[0]):
            return left
    tally = state.tallies[m]
    found = _first_round(tuple(ends), left, 3 if alike else 4, tally.correct, tally.incorrect, batch.price)
    return found or next(iter(numbers))


def _end(policy: Policy, state: State, m: int, count: _Count, left: int) -> Action | None:
    """What is done after verdicts that fall as `count`, as far as the procedure lets the policy decide it."""
    tally = state.tallies[m] + Tally(*count)
    after = _after(state, m, tally, left)
    if tally.failed and not tally.drawn:
        return onward(after.drafted, m)
    try:
        action = policy.decide(after).action
    except Exception:  # it may never come to this; if it does, the procedure says whose the error is
        return None
    mute = isinstance(action, Accept) and action.model == m and tally.mute and m < len(state.drafted) - 1
    return onward(after.drafted, m) if mute else action


def _after(state: State, m: int, tally: Tally, drawn: int) -> State:
    """`state` when `drawn` more of model m's verdicts are drawn, and all of them say `tally`."""
    tallies, available = list(state.tallies), list(state.available)
    tallies[m], available[m] = tally, max(0, available[m] - drawn)
    return replace(state, tallies=tuple(tallies), available=tuple(available))


def _counts(n: int, kinds: int) -> Iterator[_Count]:
    """All ways in which `n` verdicts can be of so many kinds, those that differ most first."""
    if kinds == 1:
        yield (n,)
        return
    for first in (n, *range(n)):
        for rest in _counts(n - first, kinds - 1):
            yield (first, *rest)


@lru_cache(maxsize=4096)
def _first_round(ends: tuple[int, ...], n: int, kinds: int, correct: int, incorrect: int, price: float) -> int:
    """How many of `n` verdicts to draw next; 0 if all `ends` are one. `correct` and `incorrect` are known already."""
    settled: dict[_Count, int] = dict(zip(_counts(n, kinds), ends, strict=True))
    for drawn in range(n - 1, -1, -1):
        for count in _counts(drawn, kinds):
            following = {settled[_one_more(count, kind)] for kind in range(kinds)}
            settled[count] = following.pop() if len(following) == 1 else _OPEN
    none = (0,) * kinds
    if settled[none] != _OPEN:
        return 0
    if not any(end != _OPEN for count, end in settled.items() if sum(count) < n):
        return n

    @cache
    def best(yes: int, no: int) -> tuple[float, int]:
        """The least expected price from here on, and the round with which it is had."""
        left = n - yes - no
        if not left or settled[yes, no, *none[2:]] != _OPEN:
            return 0.0, 0
        prices = []
        for size in range(left, 0, -1):
            chances = _chances(size, correct + yes + _PRIOR, incorrect + no + _PRIOR)
            later = sum(chance * best(yes + more, no + size - more)[0] for more, chance in enumerate(chances))
            prices.append((price + size + later, size))
        return min(prices, key=lambda found: found[0])

    return best(0, 0)[1]


def _one_more(count: _Count, kind: int) -> _Count:
    return (*count[:kind], count[kind] + 1, *count[kind + 1 :])


@lru_cache(maxsize=4096)
def _chances(n: int, yes: float, no: float) -> tuple[float, ...]:
    """The beta-binomial chances of 0 to n correct verdicts among n."""

    def log_beta(a: float, b: float) -> float:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    base = log_beta(yes, no)
    return tuple(math.comb(n, c) * math.exp(log_beta(yes + c, no + n - c) - base) for c in range(n + 1))

"""What one question may take: seconds and money, over drafts, checks, decisions and the answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Literal, TypeAlias, get_args

from ..decision import Accept, Action, Draft, Measure, Verify
from ..errors import ConfigError, CostLimitError, LimitError, TimeLimitError
from ..usage import Usage
from .bill import bill_of
from .breaker import Circuit
from .effects import Checks, Measured, Reply
from .price import Price
from .step import Step

WhenOut: TypeAlias = Literal["draft", "raise"]
OnLastFailure: TypeAlias = Literal["raise", "draft"]

ANSWER_TOKENS = 256
"""How long an answer is taken to be, in tokens, before any is known."""
VERDICT_TOKENS = 64
"""How long one check is taken to be."""
WORD_TOKENS = 8
"""How long a check in one word is taken to be."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`timeout` seconds and `max_cost` USD a question; None: no limit.

    When one runs out, `when_out="draft"` returns the best draft so far, flagged, and "raise" an error; without a draft
    it is an error too. `on_last_failure` says the same for a last model that fails while a draft is in hand. Raises
    `ConfigError` for values that can't work.
    """

    timeout: float | None = None
    max_cost: float | None = None
    when_out: WhenOut = "draft"
    on_last_failure: OnLastFailure = "raise"

    def __post_init__(self) -> None:
        _positive("timeout", self.timeout, "seconds")
        _positive("max_cost", self.max_cost, "USD a question")
        for name, kind in (("when_out", WhenOut), ("on_last_failure", OnLastFailure)):
            if getattr(self, name) not in get_args(kind):
                allowed = " or ".join(f'"{choice}"' for choice in get_args(kind))
                raise ConfigError(f"{name} must be {allowed}, not {getattr(self, name)!r}.")

    def check_prices(self, prices: Sequence[Price | None] | None) -> None:
        """Raise `ConfigError` if there is a budget and a price is missing."""
        if self.max_cost is None or (prices and None not in prices):
            return
        raise ConfigError(
            "max_cost needs the price of every model, and of the verifier's own; write prices=[Price(input, output), "
            "...], in USD per million tokens, Price(0, 0) for a free one."
        )


def _positive(name: str, value: Any, unit: str) -> None:
    if value is None:
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= 0:
        raise ConfigError(f"{name} must be a number of {unit} above 0, or None for no limit, not {value!r}.")


@dataclass(frozen=True, slots=True)
class Size:
    """About how many tokens one question is: `prompt` of a draft or an answer, `check` of one checking prompt.

    `together`: one request gives all verdicts of a batch, so its prompt is paid once; `word`: so does one word.
    """

    prompt: int = 0
    check: int = 0
    together: bool = False
    word: bool = False

    def of_checks(self, n: int) -> Usage:
        """What `n` verdicts take."""
        if self.word:
            return Usage(self.check, WORD_TOKENS)
        return Usage(self.check * (1 if self.together else n), VERDICT_TOKENS * n)


@dataclass(frozen=True, slots=True)
class Quote:
    """About what a paid signal of one model's draft takes, at which price; of `drafts` more drafts, each as that one.

    The default is a function of the user's own, which is taken to cost nothing.
    """

    usage: Usage = field(default_factory=Usage)
    price: Price | None = field(default_factory=lambda: Price(0, 0))
    drafts: int = 0
    together: bool = False

    @classmethod
    def of_drafts(cls, drafts: int, prompt: int, price: Price | None, together: bool) -> Quote:
        """That of `drafts` more drafts, before the length of any is known."""
        return cls(_again(Usage(prompt, ANSWER_TOKENS), drafts, together), price, drafts, together)

    def like(self, draft: Usage | None) -> Usage:
        """What it takes if the draft took this."""
        return _again(draft, self.drafts, self.together) if self.drafts and draft else self.usage


def _again(draft: Usage, drafts: int, together: bool) -> Usage:
    return Usage(draft.input_tokens * (1 if together else drafts), draft.output_tokens * drafts)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of the limits in one call: a value that the procedure and the drivers consult.

    `until` is the moment on `clock` at which the time is up; `prices`, `checker_prices`, `circuits` and `owners` have
    one entry a model. `owner` stands for the model that is being asked: whose calls they are that are left behind.
    `quotes` have an entry a model for each paid signal.
    """

    limits: Limits = Limits()
    until: float | None = None
    prices: Sequence[Price | None] = ()
    checker_prices: Sequence[Price | None] = ()
    size: Size = Size()
    circuits: Sequence[Circuit | None] = ()
    clock: Callable[[], float] = monotonic
    owners: Sequence[int] = ()
    owner: int | None = None
    quotes: Mapping[str, Sequence[Quote]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        limits: Limits,
        prices: Sequence[Price | None] | None = None,
        checker_prices: Sequence[Price | None] | None = None,
        size: Size | None = None,
        circuits: Sequence[Circuit | None] = (),
        clock: Callable[[], float] = monotonic,
        owners: Sequence[int] = (),
        quotes: Mapping[str, Sequence[Quote]] | None = None,
    ) -> Allowance:
        """The allowance of a call that begins now."""
        until = None if limits.timeout is None else clock() + limits.timeout
        size, each = size or Size(), checker_prices or prices or ()
        return cls(limits, until, prices or (), each, size, circuits, clock, owners, quotes=quotes or {})

    def asking(self, model: int) -> Allowance:
        """This allowance while `model` is asked."""
        return replace(self, owner=self.owners[model]) if self.owners and self.until is not None else self

    def attempt(self, model: int) -> AbstractContextManager[None]:
        """One call of `model`: refused while its breaker leaves it alone, if there is another one to ask."""
        circuit = self.circuits[model] if self.circuits else None
        return nullcontext() if circuit is None or model == len(self.circuits) - 1 else circuit.attempt()

    def seconds_left(self) -> float | None:
        """Seconds until the time is up, 0 or less afterwards; None without a limit."""
        return None if self.until is None else self.until - self.clock()

    def out_of_time(self) -> TimeLimitError:
        """The error that says so."""
        return TimeLimitError(f"The question's time is up (timeout={self.limits.timeout:g} seconds).")

    def ended_by(self, error: BaseException) -> bool:
        """True if `error` says that this very allowance ran out, and not that of a model which has one of its own."""
        left = self.seconds_left()
        return isinstance(error, TimeLimitError) and left is not None and left <= 0

    def exceeded_by(self, action: Action, steps: Iterable[Step], beside: Action | None = None) -> LimitError | None:
        """Why `action` can't begin after `steps`, or None if it can; money is set aside for `beside`.

        What is done already is no matter of money: where `beside` is `action`, it is under way.
        """
        if isinstance(action, Accept):
            return None
        left = self.seconds_left()
        if left is not None and left <= 0:
            return self.out_of_time()
        if self.limits.max_cost is None or action == beside:
            return None
        steps = list(steps)
        rest, next_one = self.limits.max_cost - self._spent(steps), self._estimate(action, steps)
        if beside is not None:
            rest -= self._estimate(beside, steps)
        if next_one <= rest:
            return None
        return CostLimitError(
            f"The question's budget (max_cost={self.limits.max_cost:g} USD) has {max(rest, 0):.2g} USD left; the next "
            f"step would take about {next_one:.2g}."
        )

    def _spent(self, steps: Sequence[Step]) -> float:
        """USD so far, estimated where a provider told no tokens."""
        whole = 0.0
        for number, step in enumerate(steps):
            if (bill := bill_of(step, self.prices)) is None:
                continue
            whole += bill.cost if bill.cost is not None else self._estimate(_action(step), steps[:number])
        return whole

    def _estimate(self, action: Action, steps: Sequence[Step]) -> float:
        """About what `action` will cost: like its kind before it in this call, else by the question's size."""
        results = [step.result for step in reversed(steps)]
        if isinstance(action, Measure) and action.name not in self.quotes:  # about one check
            action = Verify(action.model, 1)
        if isinstance(action, Measure):
            quote = self.quotes[action.name][action.model]
            measured = (s.result for s in reversed(steps) if s.do == "measure" and s.name == action.name)
            before = next((r.usage for r in measured if isinstance(r, Measured) and r.usage), None)
            drafts = (s.result for s in reversed(steps) if s.do == "draft" and s.model == action.model)
            draft = next((r.usage for r in drafts if isinstance(r, Reply) and r.usage), None)
            price, guess = quote.price, before or quote.like(draft)
        elif isinstance(action, Verify):
            price = self.checker_prices[action.model]
            same = (s.result for s in reversed(steps) if s.do == "verify" and s.model == action.model)
            seen = next((r for r in same if isinstance(r, Checks) and r.usage and r.tally.drawn), None)
            guess = self.size.of_checks(action.n)
            if seen is not None and seen.usage is not None:
                share = action.n / seen.tally.drawn
                read = seen.usage.input_tokens * (1 if self.size.together else share)
                guess = Usage(round(read), round(seen.usage.output_tokens * share))
        else:
            price = self.prices[action.model]
            known = (r.usage for r in results if isinstance(r, Reply) and r.usage)
            said = next((usage for usage in known if usage.input_tokens), None)
            guess = said or Usage(self.size.prompt, ANSWER_TOKENS)
        return 0.0 if price is None else price.of(guess)


def _action(step: Step) -> Action:
    """What was begun with `step`."""
    if step.do == "measure":
        return Measure(step.model, step.name or "")
    return Verify(step.model, step.n or 1) if step.do == "verify" else Draft(step.model)


FREE = Allowance()
"""No limits."""

"""The routing procedure, written once.

`route` is a generator: it yields effects, is sent their results and returns an `Ending`. It does no I/O and has no
colour, so the same lines serve a blocking call, an awaited one, a stream, either host, and the replay of recorded
outcomes. The finishing call is not an effect: it belongs to the caller, who may stream it.

Rules that hold under every policy (they are not the policy's to break):

- a draft that is empty, cut off or filtered is rejected unverified;
- a draft whose checks gave no readable verdict is not accepted while a larger model is left;
- a failed draft or verification hands over to the next model instead of failing the call.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, TypeVar, cast

from ..checking.thoughts import final_text
from ..decision import Accept, Action, Decision, Draft, Finish, Measure, Signals, State, Tally, Verify, sorted_signals
from ..errors import AutoMixError, PolicyError
from ..usage import Usage
from .effects import Check, Checks, Decide, Effect, Failure, Gauge, Measured, Reply, Result

log = logging.getLogger("automix")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing done: `do` is draft, verify, measure, accept or finish.

    `result` is what came of it, None for accept and finish; `name` is the signal that was measured.
    """

    do: str
    model: int
    n: int | None = None
    result: Reply | Checks | Measured | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How the routing ended: `accept` a draft held, or let a model `finish` the call.

    `tally` is what the checks of the last draft that was checked said; `signals` are the last draft's, `evidence` the
    policy's probability that it is right, None where it estimates none. `errors` are the types of what failed on
    the way.
    """

    action: Accept | Finish
    reason: str
    steps: tuple[Step, ...] = ()
    errors: tuple[str, ...] = ()
    tally: Tally = field(default_factory=Tally)
    bypass: bool = False
    models: int = 0
    raising: bool = False
    signals: Signals = ()
    evidence: float | None = None

    @property
    def reply(self) -> Reply | None:
        """The kept draft, or None when a model has still to finish."""
        if isinstance(self.action, Finish):
            return None
        held = (s.result for s in reversed(self.steps) if s.do == "draft" and s.model == self.action.model)
        return next((r for r in held if isinstance(r, Reply)), None)

    @property
    def truncated(self) -> bool:
        """True if a check saw a context that had been cut."""
        return any(isinstance(s.result, Checks) and s.result.truncated for s in self.steps)

    def after(self, error: Exception) -> Ending:
        """The ending once the finishing model failed with `error`: the next model finishes.

        Raises `error` if no larger model is left or failures are to be raised.
        """
        model = self.action.model
        if self.raising or model >= self.models - 1:
            raise error
        warn("answer", model, error)
        reason = f"Model {model} failed to answer ({type(error).__name__}); the next model answers."
        return replace(self, action=Finish(model + 1), reason=reason, errors=(*self.errors, type(error).__name__))


@dataclass(slots=True)
class _Trail:
    """What happened so far; lives as long as one call."""

    state: State
    raising: bool
    steps: list[Step] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    drafts: dict[int, Reply] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    latest: int = 0
    evidence: float | None = None
    cut: int = 0

    @property
    def last(self) -> int:
        return len(self.state.drafted) - 1

    def fail(self, role: str, model: int, error: BaseException) -> None:
        if self.raising:
            raise error
        warn(role, model, error)
        self.errors.append(type(error).__name__)

    def draft(self, model: int, reply: Reply) -> None:
        """A new draft: what the checks of an earlier one by the same model said is not about it."""
        self.steps.append(Step("draft", model, result=reply))
        self.drafts[model] = reply
        tallies = list(self.state.tallies)
        tallies[model] = Tally()
        self.cut = 0
        self.state = replace(self.state, tallies=tuple(tallies))
        self.latest, self.evidence = model, None
        if reply.signals or self.state.signals:
            self.know(model, sorted_signals(reply.signals))
        self.hold(model, not reply.problem or model == self.last)

    def know(self, model: int, signals: Signals) -> None:
        """`signals` are all that is known of the model's draft beside its verdicts."""
        known = list(self.state.signals or ((),) * len(self.state.drafted))
        known[model] = signals
        self.state = replace(self.state, signals=tuple(known))

    def measured(self, model: int, name: str, value: float | None) -> None:
        """One signal more, and one less to get; None could not be had, and is missing."""
        left = list(self.state.purchasable)
        left[model] = tuple(other for other in left[model] if other != name)
        self.state = replace(self.state, purchasable=tuple(left))
        if value is not None:
            self.know(model, sorted_signals({**self.state.signals_of(model), name: value}))

    def heard(self, decision: Decision) -> None:
        """Note the evidence about the latest draft, if the policy estimates it."""
        self.evidence = decision.values.get("evidence", self.evidence) if self.drafts else None

    def hold(self, model: int, held: bool) -> None:
        drafted = list(self.state.drafted)
        drafted[model] = held
        self.state = replace(self.state, drafted=tuple(drafted))

    def add(self, model: int, asked: int, tally: Tally) -> None:
        tallies, available = list(self.state.tallies), list(self.state.available)
        tallies[model] += tally
        short = tally.drawn + tally.failed < asked
        available[model] = 0 if short or tally.probability is not None else max(0, available[model] - asked)
        self.state = replace(self.state, tallies=tuple(tallies), available=tuple(available))
        self.tally = tallies[model]

    def onward(self, model: int) -> Action:
        """What comes after `model` when the policy has no say: the next model, or the best that is left."""
        if model >= self.last:
            return Accept(model)
        following = model + 1
        if following == self.last or self.state.drafted[following]:
            return Accept(self.last) if self.state.drafted[self.last] else Finish(self.last)
        return Draft(following)

    def end(self, action: Accept | Finish, reason: str) -> Ending:
        steps = (*self.steps, Step("accept", action.model)) if isinstance(action, Accept) else tuple(self.steps)
        if self.cut:
            drawn = self.tally.drawn + self.tally.failed
            reason = f"{reason} {self.cut} of {drawn} checks were cut off before they gave a verdict."
        return Ending(
            action=action,
            reason=reason,
            steps=steps,
            errors=tuple(self.errors),
            tally=self.tally,
            models=len(self.state.drafted),
            raising=self.raising,
            signals=self.state.signals[self.latest] if self.state.signals else (),
            evidence=self.evidence,
        )


def route(start: State, *, raising: bool = False) -> Generator[Effect, Any, Ending]:
    """Climb the cascade as the policy says, from `start`, until an answer is kept or a model is to finish.

    With `raising`, the first error of any step is raised (`on_failure="raise"`). Raises `PolicyError` when a policy
    asks for something impossible.
    """
    trail = _Trail(start, raising)
    forced: Action | None = None
    reason = ""
    while True:
        if forced is None:
            decision = yield Decide(trail.state)
            if isinstance(decision, Failure):
                _refuse(decision.error)
            decision = possible(decision, trail.state)
            action, reason = decision.action, decision.reason
            trail.heard(decision)
        else:
            action, forced = forced, None
        match action:
            case Finish():
                return trail.end(action, reason)
            case Accept(model=model):
                if not trail.state.tallies[model].mute or model == trail.last:
                    return trail.end(action, reason)
                trail.hold(model, False)
                forced, reason = trail.onward(model), f"No check of model {model}'s draft could be read."
            case Draft(model=model):
                reply = yield from _draft(trail, action)
                if isinstance(reply, Reply) and reply.passes:
                    return replace(trail.end(Accept(model), reply.passes), bypass=True)
                if isinstance(reply, str):
                    forced, reason = trail.onward(model), reply
            case Verify(model=model):
                why = yield from _verify(trail, action)
                if why:
                    trail.hold(model, model == trail.last)
                    forced, reason = trail.onward(model), why
            case Measure():
                yield from _measure(trail, action)


def _draft(trail: _Trail, action: Draft) -> Generator[Effect, Any, Reply | str]:
    """Hold the draft and return it, or why it was rejected."""
    model, result = action.model, (yield action)
    if isinstance(result, Failure):
        trail.steps.append(Step("draft", model))
        if model == trail.last:
            raise result.error
        trail.fail("draft", model, result.error)
        return f"Model {model} failed to draft ({type(result.error).__name__}); the next model answers."
    reply: Reply = result
    trail.draft(model, reply)
    if not reply.problem:
        return reply
    fate = "kept, as no larger model is left" if model == trail.last else "rejected unverified"
    return f"The draft of model {model} is {reply.problem}: {fate}."


def _verify(trail: _Trail, action: Verify) -> Generator[Effect, Any, str]:
    """Count the verdicts; return why the draft can't be judged, if no check worked."""
    model = action.model
    draft = trail.drafts[model]
    result = yield Check(model, action.n, replace(draft, text=final_text(draft.text)))
    if isinstance(result, Failure):
        result = Checks(Tally(failed=action.n), Usage(), errors=(result.error,))  # nothing came, nothing billed
    trail.steps.append(Step("verify", model, action.n, result))
    for error in result.errors:
        trail.fail("verification", model, error)
    trail.add(model, action.n, result.tally)
    trail.cut += result.cut
    tally = trail.state.tallies[model]
    if tally.failed and not tally.drawn and tally.probability is None:
        return f"No check of model {model}'s draft worked."
    return ""


def _measure(trail: _Trail, action: Measure) -> Generator[Effect, Any, None]:
    """Add the signal; one that could not be had is missing, and the policy is asked again."""
    model, name = action.model, action.name
    draft = trail.drafts[model]
    result = yield cast("Effect", Gauge(model, name, replace(draft, text=final_text(draft.text))))
    trail.steps.append(Step("measure", model, result=None if isinstance(result, Failure) else result, name=name))
    if isinstance(result, Failure):
        trail.fail("measurement", model, result.error)
    trail.measured(model, name, result.value if isinstance(result, Measured) else None)


def bypass(model: int, models: int, reason: str, *, raising: bool = False) -> Generator[Effect, Any, Ending]:
    """The flow of a call that the policy is not asked about: no effect, `model` finishes."""
    yield from ()
    return Ending(Finish(model), reason, bypass=True, models=models, raising=raising)


def _refuse(error: Exception) -> NoReturn:
    """Raise what a policy's exception becomes in every framework: an error that no synthesizer swallows."""
    if isinstance(error, AutoMixError):
        raise error
    raise PolicyError(f"The policy failed with {type(error).__name__}; see the cause of this error.") from error


def possible(decision: Any, state: State) -> Decision:
    """`decision`, its numbers plain ones of whatever library they were.

    Raises `PolicyError` unless it can be carried out in `state`.
    """
    action, models = getattr(decision, "action", None), len(state.drafted)
    if not isinstance(action, Draft | Verify | Measure | Accept | Finish):
        raise PolicyError(
            f"The policy's decide() returned {decision!r}; "
            "return a Decision to Draft, Verify, Measure, Accept or Finish."
        )
    if not _counts(action.model, range(models)):
        raise PolicyError(f"The policy decided {action!r}; the models of this cascade are 0 to {models - 1}.")
    held, left = state.drafted[action.model], state.available[action.model]
    if isinstance(action, Draft) and held:
        raise PolicyError(f"The policy decided {action!r}, but that draft is held; verify it, accept it or go on.")
    if isinstance(action, Accept | Verify | Measure) and not held:
        raise PolicyError(f"The policy decided {action!r}, but no draft of model {action.model} is held; draft first.")
    if isinstance(action, Verify) and not _counts(action.n, range(1, left + 1)):
        raise PolicyError(f"The policy decided {action!r}; n must be 1 or more, and {left} verdicts are available.")
    if isinstance(action, Measure) and action.name not in (names := state.purchasable_of(action.model)):
        can = f"{', '.join(names)} can be" if names else "nothing can be"
        raise PolicyError(f"The policy decided {action!r}, but {can} measured of that draft.")
    asked: Decision = decision
    if type(action.model) is type(getattr(action, "n", 0)) is int:
        return asked
    plain = replace(action, model=int(action.model))
    return replace(asked, action=replace(plain, n=int(plain.n)) if isinstance(plain, Verify) else plain)


def _counts(number: object, allowed: range) -> bool:
    """True if `number` is a whole number, of whatever library, among `allowed`."""
    return hasattr(number, "__index__") and number in allowed


def warn(role: str, model: int, error: BaseException) -> None:
    """Log a failure that routing survives. Only the error's type: messages may quote prompts or keys."""
    log.warning("The %s of model %d failed with %s; routing goes on without it.", role, model, type(error).__name__)


R = TypeVar("R")


def run(flow: Generator[Effect, Any, R], perform: Callable[[Effect], Result]) -> R:
    """Drive `flow` to its end, performing each effect in turn."""
    result: Result | None = None
    try:
        while True:
            try:
                effect = flow.send(result)
            except StopIteration as stop:
                ending: R = stop.value
                return ending
            try:  # apart from the send above: a StopIteration raised by a model must not end the flow
                result = perform(effect)
            except Exception as error:
                result = Failure(error)
    finally:
        flow.close()


async def arun(flow: Generator[Effect, Any, R], perform: Callable[[Effect], Awaitable[Result]]) -> R:
    """Drive `flow` like `run`, awaiting each effect."""
    result: Result | None = None
    try:
        while True:
            try:
                effect = flow.send(result)
            except StopIteration as stop:
                ending: R = stop.value
                return ending
            try:
                result = await perform(effect)
            except Exception as error:
                result = Failure(error)
    finally:
        flow.close()

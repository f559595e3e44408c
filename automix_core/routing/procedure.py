"""The routing procedure, written once.

`route` is a generator: it yields effects, is sent their results and returns an `Ending`. It does no I/O and has no
colour, so the same lines serve a blocking call, an awaited one, a stream, either framework, and the replay of recorded
outcomes. The finishing call is not an effect: it belongs to the caller, who may stream it.

Rules that hold under every policy (they are not the policy's to break):

- a draft that is empty, cut off or filtered is rejected unverified;
- a draft whose checks gave no readable verdict is not accepted while a larger model is left;
- a failed draft or verification hands over to the next model instead of failing the call;
- no step begins once the time or the money of the question is spent, and an empty, cut-off or filtered draft is never
  what stands in then.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any, NoReturn, TypeAlias, cast

from ..checking.refusal import final
from ..decision import Accept, Action, Decision, Draft, Finish, Measure, State, Tally, Verify
from ..errors import AutoMixError, LimitError, PolicyError
from ..usage import Usage
from .effects import Ahead, Batch, Begun, Check, Checks, Decide, Effect, Failure, Gauge, Measured, Reply
from .ending import Ending
from .limits import FREE, Allowance
from .step import Step
from .trail import Trail

Rounds: TypeAlias = Callable[[int], float]
"""For each model what one more round trip is worth in checks of its draft, in verdicts."""


def route(
    start: State,
    *,
    raising: bool = False,
    allowance: Allowance = FREE,
    rounds: Rounds | None = None,
    hedging: bool = False,
) -> Generator[Effect, Any, Ending]:
    """Climb the cascade as the policy says, from `start`, until an answer is kept or a model is to finish.

    With `raising`, the first error of any step is raised (`on_failure="raise"`). No step begins that `allowance` has no
    room for. `rounds` tells for each model what a round trip is worth when its draft is checked, in verdicts: then none
    is drawn that can't change what happens. Without it each batch is drawn as the policy asks for it.
    With `hedging`, the answer that may be needed can begin while a draft is checked (`Ahead`).

    Raises `PolicyError` when a policy asks for something impossible, `LimitError` when time or money ran out and no
    draft stands in; the books of the call are on whatever is raised (`ending_of`).
    """
    trail = Trail(start, raising, allowance)
    try:
        return (yield from _climb(trail, rounds, hedging))
    except GeneratorExit:
        raise
    except BaseException as error:
        raise trail.failed(error)  # noqa: B904 - the very same error


def _climb(trail: Trail, rounds: Rounds | None, hedging: bool) -> Generator[Effect, Any, Ending]:
    forced: Action | None = None
    reason = ""
    while True:
        if forced is None:
            decision = yield from _decide(trail, rounds)
            action, reason = decision.action, decision.reason
        else:
            action, forced = forced, None
        if over := trail.exceeded_by(action):
            return trail.out(over)
        if hedging and trail.ahead is None and isinstance(action, Verify | Measure):
            yield from _ahead(trail, action)
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
                if isinstance(reply, Ending):
                    return reply
                if isinstance(reply, Reply) and reply.passes:
                    return replace(trail.end(Accept(model), reply.passes), bypass=True)
                if isinstance(reply, str):
                    forced, reason = trail.onward(model), reply
            case Verify(model=model):
                why = yield from _verify(trail, action)
                if isinstance(why, Ending):
                    return why
                if why:
                    trail.hold(model, model == trail.last)
                    trail.fallback = True
                    forced, reason = trail.onward(model), why
            case Measure():
                if ending := (yield from _measure(trail, action)):
                    return ending


def _decide(trail: Trail, rounds: Rounds | None) -> Generator[Effect, Any, Decision]:
    """What the policy decides; of the verdicts that it asks for, as many as are drawn next."""
    while True:
        batch = trail.batch
        decision = yield Decide(trail.state, batch)
        if isinstance(decision, Failure):
            _refuse(decision.error)
        decision = possible(decision, trail.state)
        trail.heard(decision)
        action = decision.action
        if rounds is None or not isinstance(action, Verify):
            trail.batch = None
            return decision
        if batch is not None:
            trail.batch = replace(batch, left=batch.left - action.n) if action.n < batch.left else None
            return decision
        trail.batch = Batch(action.model, action.n, rounds(action.model))


def _draft(trail: Trail, action: Draft) -> Generator[Effect, Any, Reply | str | Ending]:
    """Hold the draft and return it, or why it was rejected, or the ending where nothing can follow."""
    model = action.model
    trail.pending = Step("draft", model)
    result = yield action
    trail.pending = None
    if isinstance(result, Failure):
        trail.steps.append(Step("draft", model, result=result))
        if isinstance(result.error, LimitError) and result.left:
            return trail.out(result.error)
        if model == trail.last:
            if ending := trail.stand_in(result.error):
                return ending
            raise result.error
        trail.fail("draft", model, result.error)
        trail.fallback = True
        return f"Model {model} failed to draft ({type(result.error).__name__}); the next model answers."
    reply: Reply = result
    trail.draft(model, reply)
    if not reply.problem:
        return reply
    fate = "kept, as no larger model is left" if model == trail.last else "rejected unverified"
    return f"The draft of model {model} is {reply.problem}: {fate}."


def _ahead(trail: Trail, action: Verify | Measure) -> Generator[Effect, Any, None]:
    """Let the driver begin the answer that may be needed, if there is money for both that and the checks."""
    if trail.allowance.exceeded_by(Finish(trail.last), trail.steps, beside=action):
        return
    result = yield cast("Effect", Ahead(trail.state, trail.drafts[action.model]))
    if isinstance(result, Begun) and result.model is not None:
        trail.ahead = result.model
        trail.steps.append(Step("hedge", result.model))


def _verify(trail: Trail, action: Verify) -> Generator[Effect, Any, str | Ending]:
    """Count the verdicts; return why the draft can't be judged, if no check worked."""
    model = action.model
    draft = trail.drafts[model]
    trail.pending = Step("verify", model, action.n)
    result = yield Check(model, action.n, draft.judged)
    trail.pending = None
    if isinstance(result, Failure):
        if isinstance(result.error, LimitError) and result.left:
            trail.steps.append(Step("verify", model, action.n, result))
            return trail.out(result.error)
        result = Checks(  # nothing came, nothing billed
            Tally(failed=action.n), Usage(), errors=(result.error,), seconds=result.seconds
        )
    trail.steps.append(Step("verify", model, action.n, result))
    for error in result.errors:
        trail.fail("verification", model, error)
    trail.add(model, action.n, result.tally)
    trail.cut += result.cut
    tally = trail.state.tallies[model]
    if trail.batch is not None and any(isinstance(error, Exception) and final(error) for error in result.errors):
        trail.forgo(model, trail.batch.left)  # they would be answered the same
    if not trail.state.available[model]:
        trail.batch = None
    if tally.failed and not tally.drawn and tally.probability is None and trail.batch is None:
        return f"No check of model {model}'s draft worked."
    return ""


def _measure(trail: Trail, action: Measure) -> Generator[Effect, Any, Ending | None]:
    """Add the signal; one that could not be had is missing, and the policy is asked again."""
    model, name = action.model, action.name
    draft = trail.drafts[model]
    trail.pending = Step("measure", model, name=name)
    result = yield cast("Effect", Gauge(model, name, draft.judged))
    trail.pending = None
    trail.steps.append(Step("measure", model, result=result, name=name))
    if isinstance(result, Failure):
        if isinstance(result.error, LimitError) and result.left:
            return trail.out(result.error)
        trail.fail("measurement", model, result.error)
    trail.measured(model, name, result.value if isinstance(result, Measured) else None)
    return None


def bypass(
    model: int, models: int, reason: str, *, raising: bool = False, allowance: Allowance = FREE
) -> Generator[Effect, Any, Ending]:
    """The flow of a call that the policy is not asked about: no effect, `model` finishes."""
    yield from ()
    return Ending(Finish(model), reason, bypass=True, models=models, raising=raising, allowance=allowance)


def _refuse(error: BaseException) -> NoReturn:
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

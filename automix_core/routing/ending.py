"""How the routing of one call ended, and what becomes of it when the finishing model fails."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace

from ..decision import Accept, Finish, Signals, Tally
from ..errors import LimitError
from .effects import Checks, Dropped, Failure, Measured, Reply
from .limits import FREE, Allowance
from .step import Step

log = logging.getLogger("automix")


@dataclass(frozen=True, slots=True)
class Ending:
    """How the routing ended: `accept` a draft held, or let a model `finish` the call.

    `tally` is what the checks of the last verified draft said; `signals` are the last draft's, `evidence` the policy's
    probability that it is right, None where it estimates none. `errors` are the types of what failed on the way, and
    what was found wrong with the answer; `fallback` says that for a failure another answer is given than the policy
    chose. `best` is the draft to fall back on, if there is one that may be served; `ahead` the model whose answer is
    under way already.
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
    fallback: bool = False
    best: int | None = None
    ahead: int | None = None
    allowance: Allowance = field(default=FREE, repr=False, compare=False)

    @property
    def reply(self) -> Reply | None:
        """The kept draft, or None when a model has still to finish."""
        return None if isinstance(self.action, Finish) else self.draft_of(self.action.model)

    @property
    def first_signals(self) -> dict[str, float]:
        """The signals of the first draft; none where nobody drafted."""
        drafts = (step.result for step in self.steps if step.do == "draft" and isinstance(step.result, Reply))
        first = next(drafts, None)
        return dict(first.signals) if first is not None else {}

    @property
    def last_draft(self) -> Reply | None:
        """The last draft that was made, kept or not."""
        held = (step.result for step in reversed(self.steps) if step.do == "draft")
        return next((result for result in held if isinstance(result, Reply)), None)

    def draft_of(self, model: int) -> Reply | None:
        """The last draft of `model`."""
        held = (step.result for step in reversed(self.steps) if step.do == "draft" and step.model == model)
        return next((result for result in held if isinstance(result, Reply)), None)

    @property
    def truncated(self) -> bool:
        """True if a check saw a context that had been cut."""
        return any(isinstance(s.result, Checks | Measured) and s.result.truncated for s in self.steps)

    def begin(self) -> Ending:
        """The ending as it stands before the finishing model is asked: another one, if there is no room for it.

        Raises `LimitError` if there is no room and no draft may stand in.
        """
        ahead = None if self.ahead is None else Finish(self.ahead)
        over = self.allowance.exceeded_by(self.action, self.steps, ahead)
        return self if over is None else self._without(over, self.steps)

    def after(self, error: Exception, seconds: float | None = None) -> Ending:
        """The ending once the finishing model failed with `error`: the next model finishes, or a draft stands in.

        Raises `error`, with the failed call's ending on it, if neither is possible or failures are to be raised.
        """
        model, kind = self.action.model, type(error).__name__
        over = self.allowance.ended_by(error)
        steps = (*self.steps, Step("finish", model, result=Failure(error, over, seconds)))
        if over and isinstance(error, LimitError):
            return self._without(error, steps)
        stand_in = self.allowance.limits.on_last_failure == "draft" and self.best is not None
        if self.raising or (model >= self.models - 1 and not stand_in):
            raise self.failed(error, steps)
        warn("answer", model, error)
        if model < self.models - 1:
            action: Accept | Finish = Finish(model + 1)
            reason = f"Model {model} failed to answer ({kind}); the next model answers."
        else:
            assert self.best is not None
            action = Accept(self.best)
            reason = f"Model {model} failed to answer ({kind}); the draft of model {self.best} stands in."
            steps = (*steps, Step("accept", self.best))
        errors = (*self.errors, kind)
        return replace(self, action=action, reason=reason, steps=steps, errors=errors, fallback=True, ahead=None)

    def interrupted(self, error: BaseException, seconds: float | None = None) -> Ending:
        """The books of a call that `error` ended midway through its finishing call."""
        left = Failure(error, left=True, seconds=seconds)
        return self.stopped(error, (*self.steps, Step("finish", self.action.model, result=left)))

    def _without(self, over: LimitError, steps: tuple[Step, ...]) -> Ending:
        return replace(self, steps=steps).out(over)

    def out(self, over: LimitError) -> Ending:
        """The ending where time or money ran out: the best draft, flagged, or `over` raised."""
        if self.best is None or self.allowance.limits.when_out == "raise" or self.raising:
            raise self.failed(over, self.steps)
        return replace(
            self,
            action=Accept(self.best),
            reason=f"{over} The best draft so far, of model {self.best}, stands in.",
            steps=(*self.steps, Step("accept", self.best)),
            errors=(*self.errors, type(over).__name__),
            fallback=True,
        )

    def stopped(self, error: BaseException, steps: tuple[Step, ...] | None = None) -> Ending:
        """The books of a call that `error` ended. A stream that nobody reads on is no failure."""
        abandoned, kind = isinstance(error, GeneratorExit), type(error).__name__
        reason = f"{self.reason} The stream was abandoned before its end." if abandoned else f"It ended with {kind}."
        steps = self.steps if steps is None else steps
        if self.ahead is not None and not any(s.do == "finish" and s.model == self.ahead for s in steps):
            steps = with_hedge(steps, Failure(error, left=True))
        return replace(
            self,
            reason=reason.lstrip(),
            steps=steps,
            errors=self.errors if abandoned else (*self.errors, kind),
            fallback=self.fallback or isinstance(error, Exception),
        )

    def failed(self, error: BaseException, steps: tuple[Step, ...] | None = None) -> BaseException:
        """`error`, with the books of the call that it ends on it."""
        return error if isinstance(getattr(error, _LEFT, None), Ending) else leave(error, self.stopped(error, steps))


def with_hedge(steps: tuple[Step, ...], result: Dropped | Failure) -> tuple[Step, ...]:
    """`steps` with what became of the answer that was begun ahead, if that is open."""
    return tuple(replace(s, result=result) if s.do == "hedge" and s.result is None else s for s in steps)


_LEFT = "_automix_ending"


def leave(error: BaseException, ending: Ending) -> BaseException:
    """`error`, with the books of the call that it ends on it, until `ending_of` takes them off."""
    error.__dict__[_LEFT] = ending
    return error


def ending_of(error: BaseException) -> Ending | None:
    """The ending of the call that `error` ended, taken off it; None if it did not come out of a routed call."""
    ending = error.__dict__.pop(_LEFT, None)
    return ending if isinstance(ending, Ending) else None


def warn(role: str, model: int, error: BaseException) -> None:
    """Log a failure that routing survives. Only the error's type: messages may quote prompts or keys."""
    log.warning("The %s of model %d failed with %s; routing goes on without it.", role, model, type(error).__name__)

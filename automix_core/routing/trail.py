"""What happened so far in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..decision import Accept, Action, Decision, Draft, Finish, Signals, State, Tally, sorted_signals
from ..errors import LimitError
from .effects import Batch, Failure, Reply
from .ending import Ending, warn
from .limits import FREE, Allowance
from .step import Step


def onward(drafted: Sequence[bool], model: int) -> Action:
    """What comes after `model` when the policy has no say: the next model, or the best that is left."""
    last, following = len(drafted) - 1, model + 1
    if model >= last:
        return Accept(model)
    if following == last or drafted[following]:
        return Accept(last) if drafted[last] else Finish(last)
    return Draft(following)


@dataclass(slots=True)
class Trail:
    """What happened so far; lives as long as one call.

    `pending` is the step that is being done, `batch` what is not drawn yet of the verdicts that the policy asked for,
    `ahead` the model whose answer is under way before it is needed.
    """

    state: State
    raising: bool = False
    allowance: Allowance = FREE
    steps: list[Step] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    drafts: dict[int, Reply] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    latest: int = 0
    evidence: float | None = None
    cut: int = 0
    fallback: bool = False
    pending: Step | None = None
    ahead: int | None = None
    batch: Batch | None = None

    @property
    def last(self) -> int:
        """The number of the largest model."""
        return len(self.state.drafted) - 1

    @property
    def best(self) -> int | None:
        """The model whose draft may stand in where nothing better comes: the most confident one, then the largest.

        An empty, filtered or cut-off draft is never served; one that was not checked counts as even odds.
        """
        tallies = self.state.tallies
        fit = [model for model, reply in self.drafts.items() if not reply.problem]
        odds = {model: 0.5 if (known := tallies[model].confidence) is None else known for model in fit}
        return max(fit, key=lambda model: (odds[model], model), default=None)

    def fail(self, role: str, model: int, error: BaseException) -> None:
        """Note a failure that routing survives. Raises it if failures are to be raised."""
        if self.raising:
            raise error
        warn(role, model, error)
        self.errors.append(type(error).__name__)

    def draft(self, model: int, reply: Reply) -> None:
        """A new draft: what the checks of an earlier one by the same model said is not about it."""
        self.steps.append(Step("draft", model, result=reply))
        self.drafts[model] = reply
        self.cut, self.latest, self.evidence = 0, model, None
        state, tallies, signals = self.state, list(self.state.tallies), self.state.signals
        tallies[model] = Tally()
        if reply.signals or signals:
            signals = self._known(model, sorted_signals(reply.signals))
        held = self._holding(model, not reply.problem or model == self.last)
        self.state = replace(state, drafted=held, tallies=tuple(tallies), signals=signals)

    def _known(self, model: int, signals: Signals) -> tuple[Signals, ...]:
        """The signals of all drafts where `signals` are all that is known of the model's, beside its verdicts."""
        known = list(self.state.signals or ((),) * len(self.state.drafted))
        known[model] = signals
        return tuple(known)

    def measured(self, model: int, name: str, value: float | None) -> None:
        """One signal more, and one less to get; None could not be had, and is missing."""
        left = list(self.state.purchasable)
        left[model] = tuple(other for other in left[model] if other != name)
        signals = self.state.signals
        if value is not None:
            signals = self._known(model, sorted_signals({**self.state.signals_of(model), name: value}))
        self.state = replace(self.state, purchasable=tuple(left), signals=signals)

    def heard(self, decision: Decision) -> None:
        """Note the evidence about the latest draft, if the policy estimates it."""
        self.evidence = decision.values.get("evidence", self.evidence) if self.drafts else None

    def hold(self, model: int, held: bool) -> None:
        """Hold the draft of `model`, or hold it no more."""
        self.state = replace(self.state, drafted=self._holding(model, held))

    def _holding(self, model: int, held: bool) -> tuple[bool, ...]:
        drafted = list(self.state.drafted)
        drafted[model] = held
        return tuple(drafted)

    def add(self, model: int, asked: int, tally: Tally) -> None:
        """Count the verdicts of one batch, of which `asked` were asked for."""
        tallies, available = list(self.state.tallies), list(self.state.available)
        tallies[model] += tally
        short = tally.drawn + tally.failed < asked
        available[model] = 0 if short or tally.probability is not None else max(0, available[model] - asked)
        self.state = replace(self.state, tallies=tuple(tallies), available=tuple(available))
        self.tally = tallies[model]

    def forgo(self, model: int, verdicts: int) -> None:
        """Leave out verdicts that were asked for."""
        available = list(self.state.available)
        available[model] -= verdicts
        self.state = replace(self.state, available=tuple(available))

    def onward(self, model: int) -> Action:
        """What comes after `model` when the policy has no say: the next model, or the best that is left."""
        return onward(self.state.drafted, model)

    def end(self, action: Accept | Finish, reason: str) -> Ending:
        """The ending with `action`."""
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
            fallback=self.fallback,
            best=self.best,
            ahead=self.ahead,
            allowance=self.allowance,
        )

    def out(self, over: LimitError) -> Ending:
        """The ending where time or money ran out."""
        return self._stopped().out(over)

    def exceeded_by(self, action: Action) -> LimitError | None:
        """Why `action` can't begin, or None if it can."""
        ahead = None if self.ahead is None else Finish(self.ahead)
        return self.allowance.exceeded_by(action, self.steps, ahead)

    def stand_in(self, error: BaseException) -> Ending | None:
        """The ending where the last model failed to draft and an earlier draft stands in, if it may."""
        if self.raising or self.best is None or self.allowance.limits.on_last_failure != "draft":
            return None
        warn("draft", self.last, error)
        kind = type(error).__name__
        self.errors.append(kind)
        self.fallback = True
        reason = f"Model {self.last} failed to answer ({kind}); the draft of model {self.best} stands in."
        return self.end(Accept(self.best), reason)

    def failed(self, error: BaseException) -> BaseException:
        """`error`, with the books of the call on it; the step that it interrupted is on them too."""
        if self.pending is not None:
            self.steps.append(replace(self.pending, result=Failure(error, left=True)))
        return self._stopped().failed(error)

    def _stopped(self) -> Ending:
        at = self.steps[-1].model if self.steps else 0
        return self.end(Finish(at), "")

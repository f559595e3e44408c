"""Questions asked in every way: through the cascade, and of each model alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from automix_core.checking.refusal import status_of
from automix_core.decision import Policy
from automix_core.errors import AutoMixError, ModelError
from automix_core.evidence.wanted import Wanted
from automix_core.policies import Always

from .corpus import Question
from .events import Asked, Show, Weighed
from .grading import right
from .retrieval import Retriever
from .watched import Watched


@dataclass(frozen=True, slots=True)
class Answered:
    """One question: what the cascade did, what its policy weighed, and what each model alone answered.

    `alone` has one entry a model, None where that model failed.
    """

    asked: Asked
    weighed: Sequence[Weighed]
    alone: Sequence[Asked | None]

    @property
    def right(self) -> bool | None:
        """Whether the cascade's answer holds the expected fact; None if none is known."""
        return right(self.asked.question, self.asked.answer)


class Session:
    """The cascade and its models, each behind the same prompt and retriever.

    `models` are the framework's, cheapest first; `alone` the same ones as they are asked for comparison. `k` is the
    most verdicts drawn, `window` the context window of the model that checks, in tokens, where that is known, `signals`
    what is found out about drafts: by default what the policy uses.
    """

    def __init__(
        self,
        host: Any,
        names: Sequence[str],
        models: Sequence[Any],
        alone: Sequence[Any],
        retriever: Retriever,
        policy: Policy,
        k: int = 8,
        window: int | None = None,
        signals: Wanted = "auto",
    ) -> None:
        self.names, self.policy = names, policy
        self._host, self._retriever = host, retriever
        self._cascade = host.cascade(*models, policy, k, window, signals=signals)
        self._alone = [host.cascade(*alone, Always(m), on_failure="raise") for m in range(len(models))]

    def ask(self, question: Question, show: Show, waiting: Show) -> Answered:
        """Ask in every way; `show` sees the cascade's events, `waiting` the number of each model that is asked alone.

        Raises `ModelError`, one sentence, where the cascade's last model fails.
        """
        weighed: list[Weighed] = []

        def note(event: Weighed) -> None:
            weighed.append(event)
            show(event)

        watched = self._cascade.model_copy(update={"policy": Watched(self.policy, note)})
        try:
            asked = self._host.ask(watched, self._retriever, question, show)
        except OSError:  # of our output: whoever read it has left, or its disk is full
            raise
        except AutoMixError as error:
            raise ModelError(failure(error.__cause__ or error, self.names[-1])) from error
        except Exception as error:
            raise ModelError(failure(error, self.names[-1])) from error
        show(asked)
        return Answered(asked, weighed, [self._ask_alone(m, question, waiting) for m in range(len(self._alone))])

    def _ask_alone(self, model: int, question: Question, waiting: Show) -> Asked | None:
        waiting(model)
        try:
            asked: Asked = self._host.ask(self._alone[model], self._retriever, question, lambda event: None)
        except Exception:
            return None
        return asked


def failure(error: BaseException, name: str) -> str:
    """One sentence about a model's error: its kind and status. The provider's own words may quote prompts or keys."""
    if isinstance(error, AutoMixError):
        return str(error)
    status = status_of(error)
    said = f"HTTP status {status}, {type(error).__name__}" if status else type(error).__name__
    return f"{name} failed and no larger model is left ({said}); look at that server, or choose another with --large."

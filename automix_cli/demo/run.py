"""A run of the demo: what is asked of whom, then both ledgers, however it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automix_core.errors import ConfigError

from .framework import Framework
from .models import Models

if TYPE_CHECKING:
    from rich.console import Console

    from automix_core.decision import Policy

    from ..corpus import Passage, Question
    from ..progress import Progress
    from .session import Answered, Session
    from .view import View

LONGEST_ANSWER = 128
"""Tokens; a very small model that has lost its way writes until something stops it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for: the models, the questions and documents, the policy, the example prices."""

    models: Models = field(default_factory=Models)
    question: str | None = None
    docs: Path | None = None
    ask: bool = False
    limit: int | None = None
    framework: Framework = Framework.LANGCHAIN
    policy: Path | None = None
    compare: bool = False
    prices: tuple[float, float] = (1.0, 50.0)

    @property
    def typing(self) -> bool:
        """Whether questions are typed: asked for, or the only way to get one. Raises `ConfigError` if there is none."""
        if self.ask or self.question or self.docs is None:
            return self.ask
        if not sys.stdin.isatty():
            raise ConfigError('--docs needs a question, as in automix demo --docs FOLDER "...", or --ask.')
        return True

    def asked(self) -> tuple[Iterable[Question], int | None]:
        """The questions, and how many they are where that is known."""
        from ..corpus import questions
        from .questions import given, typed

        if self.typing:
            return typed(self.question), None
        chosen = [given(self.question)] if self.question else list(questions()[: self.limit])
        return chosen, len(chosen)

    def passages(self, progress: Progress) -> Sequence[Passage]:
        """The passages to answer from. Raises `DataError` where the documents can't be read."""
        from ..corpus import handbook
        from .documents import read_documents

        return handbook() if self.docs is None else read_documents(self.docs, progress)

    def policies(self) -> tuple[dict[str, Policy], int]:
        """The policies by name, the first of which decides, and the most verdicts drawn.

        Raises `ConfigError` or `PolicyError` where one can't be had.
        """
        from automix_core.policies import Threshold

        from .compare import fitted

        if self.policy is None and not self.compare:
            return {"default": Threshold()}, 8
        file = fitted(self.policy)
        if self.compare:  # the default draws every verdict there is, which any other policy can then be replayed on
            return {"default": Threshold(), "fitted": file.policy}, max(8, file.k or 0)
        return {"given": file.policy}, file.k or 8


def run(plan: Plan, as_json: bool, progress: Progress) -> None:
    """Open the models, ask the questions, print what happened.

    What was answered is totalled, too, if Ctrl-C or an error ends the run. Raises `ConfigError`, `DataError` or
    `PolicyError` before a model is opened if something is wrong with what was asked for.
    """
    from ..retrieval import Retriever
    from .compare import borrowed
    from .priced import check
    from .session import Session
    from .view import View

    plan.framework.check()
    check(plan.prices)
    (questions, count), (policies, k) = plan.asked(), plan.policies()
    passages = plan.passages(progress)
    retriever, host = Retriever(passages), plan.framework.host()
    with plan.models.open(progress) as endpoints:
        names = [endpoint.model for endpoint in endpoints]
        if plan.compare and plan.policy is None and (said := borrowed(names)):
            progress.note(said)
        embedded = zip(endpoints, plan.models.embedded, strict=True)
        models = [plan.framework.model(endpoint, max_tokens=LONGEST_ANSWER) for endpoint in endpoints]
        alone = [plan.framework.model(at, afresh=ours, max_tokens=LONGEST_ANSWER) for at, ours in embedded]
        policy, window = next(iter(policies.values())), endpoints[0].context_window
        session = Session(host, names, models, alone, retriever, policy, k, window)
        with View(console(as_json), names) as view:
            view.opening(len(passages), count, str(plan.docs or "a handbook"))
            answered, error = _ask(session, questions, count, view)
    if answered or error is None:
        _close(plan, policies, names, answered, view, as_json, interrupted=error is not None)
    if error is not None:
        raise error


def console(silent: bool = False) -> Console:
    """Standard output; plain text where it is piped or NO_COLOR is set."""
    from rich.console import Console

    unadorned = silent or bool(os.environ.get("NO_COLOR"))
    return Console(highlight=False, quiet=silent, force_terminal=False if unadorned else None)


def _ask(
    session: Session, questions: Iterable[Question], count: int | None, view: View
) -> tuple[list[Answered], BaseException | None]:
    """What was answered, and what ended it before the last question, if anything did."""
    answered: list[Answered] = []
    try:
        for number, question in enumerate(questions, start=1):
            view.ask(number, count, question)
            answered.append(session.ask(question, view.show, view.alone))
            view.done(answered[-1])
    except (KeyboardInterrupt, Exception) as error:
        view.__exit__()
        return answered, error
    return answered, None


def _close(
    plan: Plan,
    policies: dict[str, Policy],
    names: Sequence[str],
    answered: Sequence[Answered],
    view: View,
    as_json: bool,
    interrupted: bool,
) -> None:
    from ..report import print_json
    from .closing import close
    from .compare import compared
    from .report import document

    replayed: dict[str, Any] | None = None
    if plan.compare:
        replayed = compared(answered, names, plan.prices, policies)
    if as_json:
        print_json(document(names, answered, plan.prices, replayed, interrupted))
    elif answered:
        close(view.console, names, answered, plan.prices, replayed)

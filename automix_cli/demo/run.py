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
    from automix_core.policies.saving import PolicyFile

    from ..progress import Progress
    from .corpus import Passage, Question
    from .session import Answered
    from .view import View

LONGEST_ANSWER = 128
"""Tokens of an embedded model's; a very small one that has lost its way writes until something stops it."""


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
        if sys.stdin is None or not sys.stdin.isatty():
            raise ConfigError('--docs needs a question, as in automix demo --docs FOLDER "...", or --ask.')
        return True

    def asked(self) -> tuple[Iterable[Question], int | None]:
        """The questions, and how many they are where that is known."""
        from .corpus import questions
        from .questions import given, typed

        if self.typing:
            return typed(self.question), None
        chosen = [given(self.question)] if self.question else list(questions()[: self.limit])
        return chosen, len(chosen)

    def passages(self, progress: Progress) -> Sequence[Passage]:
        """The passages to answer from. Raises `DataError` where the documents can't be read."""
        from .corpus import handbook
        from .documents import read_documents

        return handbook() if self.docs is None else read_documents(self.docs, progress)

    def saved(self) -> PolicyFile | None:
        """The policy that is given, or compared with. Raises `ConfigError` or `PolicyError` where it can't be had."""
        from .compare import fitted

        return fitted(self.policy) if self.policy or self.compare else None

    def policies(self, file: PolicyFile | None) -> tuple[dict[str, Policy], int]:
        """The policies by name, the first of which decides, and the most verdicts drawn."""
        from automix_core.policies import Threshold

        if file is None:
            return {"default": Threshold()}, 8
        if self.compare:  # the default draws every verdict there is, which any other policy can then be replayed on
            return {"default": Threshold(), "fitted": file.policy}, max(8, file.k or 0)
        return {"given": file.policy}, file.k or 8


def run(plan: Plan, as_json: bool, progress: Progress) -> None:
    """Open the models, ask the questions, print what happened.

    What was answered is totalled, too, if Ctrl-C or an error ends the run. Raises `ConfigError`, `DataError` or
    `PolicyError` before a model is opened if something is wrong with what was asked for.
    """
    from .compare import borrowed, signals_of
    from .priced import check
    from .retrieval import Retriever
    from .session import Session
    from .view import View

    plan.framework.check()
    check(plan.prices)
    (questions, count), file = plan.asked(), plan.saved()
    policies, k = plan.policies(file)
    passages = plan.passages(progress)
    retriever, host = Retriever(passages), plan.framework.host()
    answered: list[Answered] = []
    try:
        with plan.models.open(progress) as endpoints:
            names = [endpoint.model for endpoint in endpoints]
            if file and plan.policy is None and (said := borrowed(file, names)):
                progress.note(said)
            embedded = list(zip(endpoints, plan.models.embedded, strict=True))
            models = [plan.framework.model(at, **_limits(ours)) for at, ours in embedded]
            alone = [plan.framework.model(at, afresh=ours, **_limits(ours)) for at, ours in embedded]
            policy, window = next(iter(policies.values())), endpoints[0].context_window
            session = Session(host, names, models, alone, retriever, policy, k, window, signals_of(policies))
            with View(console(as_json), names) as view:
                view.opening(len(passages), count, str(plan.docs or "a handbook"), k)
                for number, question in enumerate(questions, start=1):
                    view.ask(number, count, question)
                    answered.append(session.ask(question, view.show, view.alone))
                    view.done(answered[-1])
    except (KeyboardInterrupt, Exception):
        if answered:
            _close(plan, policies, names, answered, view, as_json, interrupted=True)
        raise
    _close(plan, policies, names, answered, view, as_json, interrupted=False)


def _limits(embedded: bool) -> dict[str, Any]:
    """A user's own models write as much as they like: some think first."""
    return {"max_tokens": LONGEST_ANSWER} if embedded else {}


def console(silent: bool = False) -> Console:
    """Standard output; plain text where it is piped or NO_COLOR is set."""
    from rich.console import Console

    unadorned = silent or bool(os.environ.get("NO_COLOR"))
    return Console(highlight=False, quiet=silent, force_terminal=False if unadorned else None)


def _close(
    plan: Plan,
    policies: dict[str, Policy],
    names: Sequence[str],
    answered: Sequence[Answered],
    view: View,
    as_json: bool,
    interrupted: bool,
) -> None:
    from ..printing import print_json
    from .closing import close
    from .compare import compared
    from .report import document

    replayed: dict[str, Any] | None = None
    if plan.compare:
        replayed = compared(answered, names, plan.prices, policies)
    if as_json:
        origin = {"framework": str(plan.framework), "documents": None if plan.docs is None else str(plan.docs)}
        print_json(origin | document(names, answered, plan.prices, replayed, interrupted))
    elif answered:
        close(view.console, names, answered, plan.prices, replayed)

"""Models behind OpenAI-compatible endpoints, asked with the plan's prompt."""

from __future__ import annotations

import re
from functools import partial

from automix_cli.collect.calls import Calls, Message
from automix_cli.collect.journal import Paid
from automix_cli.collect.measures import DRAFTS, word_messages
from automix_cli.collect.plan import Plan
from automix_cli.collect.system import CallError
from automix_core.checking.measuring import AGREEMENT
from automix_core.checking.query import PASSAGE_BREAK, Query, passages
from automix_core.checking.thoughts import final_text
from automix_core.checking.token_verdict import REPLY_TOKENS
from automix_core.checking.turns import turns
from automix_core.evidence.agreement import TEMPERATURE
from automix_core.evidence.wanted import needs_tokens
from automix_core.outcomes.outcome import Question


class Prompted:
    """The plan's models, their answers and checks by `calls`."""

    def __init__(self, plan: Plan, calls: Calls) -> None:
        self.plan, self.calls = plan, calls

    @property
    def paid(self) -> int:
        """Requests sent."""
        return self.calls.paid

    @property
    def found(self) -> int:
        """Requests taken from the journal."""
        return self.calls.found

    @property
    def over(self) -> str:
        """Why nothing more is to be sent."""
        return self.calls.over

    @over.setter
    def over(self, why: str) -> None:
        self.calls.over = why

    def known(self, model: int, question: Question, nth: int) -> bool:
        """Whether that answer is in the journal."""
        settings = self.plan.models[model]
        messages = answer_messages(self.plan.prompt, question)
        return self.calls.known(
            model,
            messages,
            nth,
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            logprobs=self._tells(model),
        )

    async def answer(self, model: int, question: Question, nth: int) -> Paid:
        """One model's answer. Raises `CallError`."""
        settings = self.plan.models[model]
        drawn = await self.calls.draw(
            1,
            model,
            answer_messages(self.plan.prompt, question),
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            logprobs=self._tells(model),
            nth=nth,
        )
        if not drawn or not drawn[0].texts:
            raise CallError(f"{settings.name} answered without a choice")
        return drawn[0]

    def _tells(self, model: int) -> bool:
        """Whether log-probabilities are asked for: the last model's answer is never a draft."""
        return model < len(self.plan.models) - 1 and needs_tokens(self.plan.signals)

    async def checks(self, model: int, question: Question, draft: Paid, nth: int) -> list[Paid]:
        """k checks: in one request if the server gives them, what is missing one by one, at the same time."""
        verify, messages = self.plan.verify, check_messages(question, final_text(draft.texts[0]))
        return await self.calls.draw(
            verify.k, model, messages, temperature=verify.temperature, max_tokens=verify.max_tokens, nth=nth
        )

    async def measured(self, model: int, question: Question, draft: Paid, nth: int) -> dict[str, list[Paid]]:
        """The requests for each paid signal, by the model that drafted. Raises `CallError`."""
        found: dict[str, list[Paid]] = {}
        draw = partial(self.calls.draw, temperature=TEMPERATURE, nth=nth)
        for name in self.plan.measures:
            if name == AGREEMENT:
                messages, limit = answer_messages(self.plan.prompt, question), self.plan.models[model].max_tokens
                found[name] = await draw(DRAFTS, model, messages, max_tokens=limit)
            else:
                asked = word_messages(name, question, final_text(draft.texts[0]))
                found[name] = await draw(1, model, asked, max_tokens=REPLY_TOKENS, logprobs=True)
        return found


def answer_messages(prompt: str, question: Question) -> list[Message]:
    """The request for an answer; braces in the question or the context are left alone."""
    values = {"context": PASSAGE_BREAK.join(passages(question.context)), "question": question.question}
    return [{"role": "user", "content": re.sub(r"\{(context|question)\}", lambda match: values[match[1]], prompt)}]


def check_messages(question: Question, answer: str) -> list[Message]:
    """The request for a check: what `SelfVerifier` sends."""
    asked = turns(Query(question.question, passages(question.context)), answer)
    return [{"role": role, "content": text} for role, text in asked]

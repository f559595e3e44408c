"""Models behind OpenAI-compatible endpoints, asked with the plan's prompt."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from automix_cli.collect.calls import Calls, Message
from automix_cli.collect.journal import Paid
from automix_cli.collect.measures import DRAFTS, word_messages
from automix_cli.collect.plan import Plan
from automix_cli.collect.system import CallError
from automix_core.checking.measuring import AGREEMENT
from automix_core.checking.query import PASSAGE_BREAK, Query, passages
from automix_core.checking.sampling import AUTO_LIMIT, THINKING_LIMIT, Drawn
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

        async def ask(limit: int | None) -> Paid:
            drawn = await self.calls.draw(
                1,
                model,
                answer_messages(self.plan.prompt, question),
                temperature=settings.temperature,
                max_tokens=limit,
                logprobs=self._tells(model),
                nth=nth,
            )
            if not drawn or not drawn[0].texts:
                raise CallError(f"{settings.name} answered without a choice")
            return drawn[0]

        paid = await ask(settings.max_tokens)
        is_ours = "max_tokens" not in settings.model_fields_set
        return await ask(THINKING_LIMIT) if is_ours and _mute(paid) else paid

    def _tells(self, model: int) -> bool:
        """Whether log-probabilities are asked for: the last model's answer is never a draft."""
        return model < len(self.plan.models) - 1 and needs_tokens(self.plan.signals)

    async def checks(self, model: int, question: Question, draft: Paid, nth: int) -> list[Paid]:
        """k checks: in one request if the server gives them, what is missing one by one, at the same time.

        As `SelfVerifier` draws them: a model that thought over its answer has no limit unless the plan sets one, and
        checks that were cut off before they said anything are drawn again, once, with more room. What is remembered
        of a model must not decide it: the same command again would ask for something else.
        """
        verify, messages = self.plan.verify, check_messages(question, final_text(draft.texts[0]))
        draw = partial(self.calls.draw, temperature=verify.temperature, nth=nth)
        if verify.max_tokens != "auto":
            return await draw(verify.k, model, messages, max_tokens=verify.max_tokens)
        first = await draw(verify.k, model, messages, max_tokens=None if draft.thought else AUTO_LIMIT)
        if not (mute := sum(map(_mute, first))):
            return first
        return [*map(_speaking, first), *await draw(mute, model, messages, max_tokens=THINKING_LIMIT)]

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


def _mute(paid: Paid) -> int:
    """How many replies were cut off before they said anything: their tokens went into thoughts."""
    return sum(Drawn(*reply).speechless for reply in zip(paid.texts, paid.finish, strict=True))


def _speaking(paid: Paid) -> Paid:
    """The request without the replies that said nothing; its tokens are paid all the same."""
    said = [reply for reply in zip(paid.texts, paid.finish, strict=True) if not Drawn(*reply).speechless]
    return replace(paid, texts=tuple(text for text, _ in said), finish=tuple(reason for _, reason in said))


def answer_messages(prompt: str, question: Question) -> list[Message]:
    """The request for an answer; braces in the question or the context are left alone."""
    values = {"context": PASSAGE_BREAK.join(passages(question.context)), "question": question.question}
    return [{"role": "user", "content": re.sub(r"\{(context|question)\}", lambda match: values[match[1]], prompt)}]


def check_messages(question: Question, answer: str) -> list[Message]:
    """The request for a check: what `SelfVerifier` sends."""
    asked = turns(Query(question.question, passages(question.context)), answer)
    return [{"role": role, "content": text} for role, text in asked]

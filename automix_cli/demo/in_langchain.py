"""One question through the cascade, exactly as a user would wire it, with everything that happened on the way.

The chain is plain LangChain: a prompt that names its context, then the cascade in the place of a model. What a person
wants to see while it runs comes as `Event`s, in order; what is reported afterwards is the returned `Asked`.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable

from automix_core.decision import Policy
from langchain_automix import AutoMixChatModel, SelfVerifier, collect_routes, with_context

from .corpus import Question
from .events import Asked, Found, Said, Show
from .meter import Meter
from .prompt import PROMPT
from .retrieval import Retriever

TEMPLATE = ChatPromptTemplate.from_template(PROMPT)


def cascade(
    small: Any, large: Any, policy: Policy | None = None, k: int = 8, window: int | None = None, **settings: Any
) -> AutoMixChatModel:
    """The small model with the large one behind it; by default checked and decided as by default.

    `k` is the most verdicts drawn, `window` the small model's context window in tokens, where that is known.
    """
    verifier = SelfVerifier(k=k, context_window=window)
    return AutoMixChatModel(models=[small, large], policy=policy, verifier=verifier, **settings)


def ask(llm: Runnable[Any, Any], retriever: Retriever, question: Question, show: Show) -> Asked:
    """Ask one question and tell `show` what happens. Raises the last model's error if that fails."""
    chain = with_context(TEMPLATE, question_key="question") | llm
    meter, answer, started = Meter(show), "", perf_counter()
    passages = retriever.search(question.question)
    meter.tell(Found(passages))
    variables = {"context": "\n\n".join(p.content for p in passages), "question": question.question}
    with collect_routes() as routes:
        for chunk in chain.stream(variables, {"callbacks": [meter]}):
            if chunk.text:
                answer += chunk.text
                meter.tell(Said(chunk.text))
    return Asked(question, passages, answer, routes[-1], meter, perf_counter() - started - meter.shown)

"""One question through the cascade, exactly as a user would wire it, with everything that happened on the way.

The chain is plain LangChain: a prompt that names its context, then the cascade in the place of a model. What a person
wants to see while it runs comes as `Event`s, in order; what is reported afterwards is the returned `Asked`.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable

from langchain_automix import AutoMixChatModel, collect_routes, with_context

from .corpus import Question
from .demo_events import Asked, Event, Found, Said
from .demo_meter import Meter
from .retrieval import Retriever

# One message and no system text: a system text would be shown to the verifier too, as the conversation's instructions,
# and a model of half a billion parameters obeys what it is shown.
PROMPT = ChatPromptTemplate.from_template(
    "Answer the question from the passages, in one short sentence. "
    "If they do not contain the answer, say that the passages do not say.\n\n"
    "Passages:\n\n{context}\n\nQuestion: {question}"
)


def cascade(small: Any, large: Any) -> AutoMixChatModel:
    """The small model with the large one behind it, checked and decided as by default."""
    return AutoMixChatModel(models=[small, large])


def ask(llm: Runnable[Any, Any], retriever: Retriever, question: Question, show: Callable[[Event], None]) -> Asked:
    """Ask one question and tell `show` what happens. Raises the last model's error if that fails."""
    chain = with_context(PROMPT, question_key="question") | llm
    started = perf_counter()
    passages = retriever.search(question.question)
    show(Found(passages))
    meter, answer = Meter(show), ""
    variables = {"context": "\n\n".join(p.content for p in passages), "question": question.question}
    with collect_routes() as routes:
        for chunk in chain.stream(variables, {"callbacks": [meter]}):
            if chunk.text:
                answer += chunk.text
                show(Said(chunk.text))
    return Asked(question, passages, answer, routes[-1], meter, perf_counter() - started)

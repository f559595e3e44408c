"""A LangChain Runnable as the system that is collected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackHandler, UsageMetadataCallbackHandler
from langchain_core.documents import Document
from langchain_core.language_models import BaseLanguageModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.runnables import Runnable, RunnableBinding

from automix_cli.collect.app.shape import answer_of, called, models_in, only, paid
from automix_cli.collect.journal import Paid
from automix_core.cascade_file.settings import CheckSettings
from automix_core.checking.query import PASSAGE_BREAK, Query, passages
from automix_core.errors import ConfigError
from automix_core.outcomes.evaluation_sets import CONTEXT, QUESTION
from automix_core.outcomes.outcome import Question
from automix_core.usage import Usage
from langchain_automix import AutoMixChatModel, SelfVerifier
from langchain_automix.child.models import finish_reason
from langchain_automix.draft.raised import raised_draft
from langchain_automix.query.reading import read_messages, read_prompt

_ENDED = {"cut off": "length", "filtered": "content_filter"}
"""The finish reason of an answer in whose place its client raised."""


def is_ours(app: Any, model: Any) -> bool:
    """Whether LangChain asks it."""
    return isinstance(app, Runnable) or (callable(app) and isinstance(model, Runnable))


def model_of(app: Any, named: str) -> Any:
    """The chat model inside a chain. Raises `ConfigError` unless it is one."""
    kinds = (BaseLanguageModel, RunnableBinding)
    found = models_in(app, kinds, ("langchain", "langchain_core", "langchain_classic", "langgraph"))
    models = [one for one in found if isinstance(_bottom(one), BaseLanguageModel)]
    if any(isinstance(model, AutoMixChatModel) for model in map(_bottom, models)):
        raise ConfigError(f"{named} answers with a cascade; give it the model that it is called with.")
    return only(models, named)


def _bottom(model: Any) -> Any:
    while isinstance(model, RunnableBinding):
        model = model.bound
    return model


class Chain:
    """A chain, and the model in it that checks."""

    def __init__(self, app: Any, model: Any, verify: CheckSettings, named: str) -> None:
        self._app = app
        self._verifier = SelfVerifier(model=model, **verify.model_dump())
        self._names = _inputs(app, named) if isinstance(app, Runnable) else None

    async def answer(self, question: Question) -> Paid:
        """What the chain says; its model was shown what a cascade in that place would have been."""
        seen = _Seen()
        try:
            if isinstance(self._app, Runnable):
                result = await self._app.ainvoke(self._input(question), {"callbacks": [seen, seen.usage]})
            else:
                result = await called(self._app, question)
        except Exception as error:
            if (draft := raised_draft(error, None)) is None:
                raise
            return paid("", _ENDED[draft.problem], draft.usage, seen.case(question))
        return paid(answer_of(result), seen.finish, _usage(seen.usage), seen.case(question))

    def _input(self, question: Question) -> Any:
        if self._names is None:
            return question.question
        context = PASSAGE_BREAK.join(passages(question.context))
        values: dict[str, Any] = dict.fromkeys(QUESTION, question.question) | dict.fromkeys(CONTEXT, context)
        values["messages"] = [("user", question.question)]
        return {name: values[name] for name in self._names or ("question", "query", "input", "context")}

    async def checks(self, case: dict[str, Any], answer: str) -> Paid:
        """All checks, as `SelfVerifier` draws them."""
        seen = _Seen()
        case = {name: value for name, value in case.items() if name != "source"}
        found = await self._verifier.ainvoke({**case, "answer": answer}, {"callbacks": [seen, seen.usage]})
        spent, requests = _usage(seen.usage), max(seen.requests, 1)
        texts = tuple(text or "" for text in found["texts"])
        finish: tuple[str | None, ...] = (None,) * len(texts)
        if spent is None:
            return Paid(texts, finish, None, None, requests=requests)
        tokens = (spent.input_tokens, spent.output_tokens, spent.cached_input_tokens)
        return Paid(texts, finish, *tokens, requests=requests)


def _inputs(app: Runnable[Any, Any], named: str) -> list[str] | None:
    """The names that a chain's input has; none where it takes them as they come; None where it takes the question.

    Raises `ConfigError` for a name that no question has.
    """
    try:
        schema = app.get_input_jsonschema()
    except Exception:  # inputs that pydantic can't describe
        return None
    if schema.get("type") != "object" or "root" in schema.get("properties", {}):  # `root`: a function's only argument
        return None
    known = {*QUESTION, *CONTEXT, "messages"}
    needed = [name for name in schema.get("properties", {}) if name in known]
    if strange := [name for name in schema.get("required", []) if name not in known]:
        raise ConfigError(
            f"{named}: the chain wants {strange[0]!r} as input; a question has {QUESTION[0]} and {CONTEXT[0]}. Wrap it "
            "in a function of the question: return (function, model)."
        )
    return needed


class _Seen(AsyncCallbackHandler):
    """What a chain's model was shown, what was retrieved, how the model ended."""

    def __init__(self) -> None:
        self.usage = UsageMetadataCallbackHandler()
        self.messages: list[BaseMessage] = []
        self.documents: list[str] = []
        self.finish: str | None = None
        self.requests = 0

    async def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Remember the prompt."""
        self.messages = list(messages[0])

    async def on_retriever_end(self, documents: Sequence[Document], *, run_id: UUID, **kwargs: Any) -> None:
        """Remember what was found."""
        self.documents = [document.page_content for document in documents]

    async def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Remember the finish reason."""
        self.requests += 1
        generation = response.generations[0][0]
        message = generation.message if isinstance(generation, ChatGeneration) else None
        said = {**(generation.generation_info or {}), **(getattr(message, "response_metadata", None) or {})}
        if isinstance(message, AIMessage) or message is None:
            self.finish = finish_reason(AIMessage("", response_metadata=said))

    def case(self, question: Question) -> dict[str, Any]:
        """What a check is shown: what a cascade would read from the same prompt."""
        if self.messages:
            query = read_messages(self.messages).query
            query = query if query.context else read_prompt(self.messages)
        else:
            found = tuple(self.documents) or passages(question.context)
            query = Query(question.question, found)
        return {
            "question": query.question,
            "context": list(query.context),
            "history": query.history,
            "instructions": query.instructions,
            "source": query.source,
        }


def _usage(handler: UsageMetadataCallbackHandler) -> Usage | None:
    """The tokens of all calls; None if a call reported none."""
    reported = list(handler.usage_metadata.values())
    if not reported:
        return None
    return Usage(
        sum(usage["input_tokens"] for usage in reported),
        sum(usage["output_tokens"] for usage in reported),
        sum(usage.get("input_token_details", {}).get("cache_read", 0) for usage in reported),
    )

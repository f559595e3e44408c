"""A LlamaIndex query engine, or chat engine, as the system that is collected."""

from __future__ import annotations

from typing import Any

from llama_index.core.llms.llm import LLM

from automix_cli.collect.app.shape import answer_of, called, models_in, only, paid
from automix_cli.collect.journal import Paid
from automix_core.cascade_file.settings import CheckSettings
from automix_core.checking.query import passages
from automix_core.errors import ConfigError
from automix_core.outcomes.outcome import Question
from automix_core.usage import Usage, total
from llamaindex_automix import AutoMixLLM, SelfVerifier
from llamaindex_automix.child.listening import listening
from llamaindex_automix.child.responses import ended_early, finish_reason, usage_of
from llamaindex_automix.query.passages import texts

_ASKED = ("aquery", "achat")


def is_ours(app: Any, model: Any) -> bool:
    """Whether LlamaIndex asks it."""
    return any(hasattr(app, name) for name in _ASKED) or (callable(app) and isinstance(model, LLM))


def model_of(app: Any, named: str) -> Any:
    """The LLM inside an engine. Raises `ConfigError` unless it is one."""
    found = models_in(app, LLM, ("llama_index",))
    if any(isinstance(model, AutoMixLLM) for model in found):
        raise ConfigError(f"{named} answers with a cascade; give it the model that it is called with.")
    return only(found, named)


class Engine:
    """An engine, and the LLM in it that checks."""

    def __init__(self, app: Any, model: Any, verify: CheckSettings) -> None:
        self._app = app
        self._verifier = SelfVerifier(model=model, **verify.model_dump())

    async def answer(self, question: Question) -> Paid:
        """What the engine says; the context is what it retrieved, else the question's own."""
        ask = next((getattr(self._app, name) for name in _ASKED if hasattr(self._app, name)), None)
        with listening() as heard:
            try:
                result = await (called(self._app, question) if ask is None else ask(question.question))
            except RuntimeError as error:
                if (reason := ended_early(error)) is None:
                    raise
                case = {"question": question.question, "context": list(passages(question.context))}
                return paid("", reason, None, case)
        nodes = getattr(result, "source_nodes", None) or []
        context = texts(list(nodes), rendered=True) or passages(question.context)
        finish = finish_reason(heard[-1]) if heard else None
        return paid(answer_of(result), finish, _usage(heard), {"question": question.question, "context": list(context)})

    async def checks(self, case: dict[str, Any], answer: str) -> Paid:
        """All checks, as `SelfVerifier` draws them."""
        with listening() as heard:
            found = await self._verifier.acall({**case, "answer": answer})
        said = tuple(text or "" for text in found["texts"])
        finish: tuple[str | None, ...] = (None,) * len(said)
        spent, requests = _usage(heard), max(len(heard), 1)
        if spent is None:
            return Paid(said, finish, None, None, requests=requests)
        tokens = (spent.input_tokens, spent.output_tokens, spent.cached_input_tokens)
        return Paid(said, finish, *tokens, requests=requests)


def _usage(heard: list[Any]) -> Usage | None:
    """The tokens of all calls; None if one reported none, or there was none."""
    return total(map(usage_of, heard)) if heard else None

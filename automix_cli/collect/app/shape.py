"""What a system takes and gives: questions, answers in any common form, and the models inside."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from automix_cli.collect.journal import Paid
from automix_cli.collect.system import CallError
from automix_core.errors import ConfigError
from automix_core.outcomes.outcome import Question
from automix_core.usage import Usage


class Asked(Protocol):
    """One model's system as its framework asks it. Tokens are None where they were not reported."""

    async def answer(self, question: Question) -> Paid:
        """What it says; `case` is what its model was shown: question, context, history, instructions."""

    async def checks(self, case: dict[str, Any], answer: str) -> Paid:
        """All checks of an answer."""


def paid(text: str, finish: str | None, usage: Usage | None, case: dict[str, Any] | None = None) -> Paid:
    """One answer as the journal has it."""
    if usage is None:
        return Paid((text,), (finish,), None, None, case=case)
    return Paid((text,), (finish,), usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, case=case)


async def called(function: Callable[..., Any], question: Question) -> Any:
    """What a plain function returns for a question, and for its context if it takes two arguments."""
    arguments: list[Any] = [question.question]
    if _takes_two(function):
        arguments.append(list(question.context) if isinstance(question.context, tuple) else question.context)
    if inspect.iscoroutinefunction(function):
        return await function(*arguments)
    result = await asyncio.to_thread(function, *arguments)
    return await result if inspect.isawaitable(result) else result


def answer_of(result: Any) -> str:
    """The answer in what a system returned: text, a message, a response, or a dict that holds one of them.

    Raises `CallError` where none is to be found.
    """
    if isinstance(result, str):
        return result
    if isinstance(result, dict):
        for name in ("answer", "result", "output", "response", "text"):
            if name in result:
                return answer_of(result[name])
        if messages := result.get("messages"):
            return answer_of(messages[-1])
    for name in ("text", "response", "content"):
        if isinstance(text := getattr(result, name, None), str):
            return str(text)
    raise CallError(
        f"the app returned {type(result).__name__}; an answer is text, a message, a response, or a dict with answer"
    )


def models_in(app: Any, kinds: type | tuple[type, ...], packages: Sequence[str], depth: int = 8) -> list[Any]:
    """The models that an object of one of these packages holds, however deep, each once."""
    found: dict[int, Any] = {}
    seen: set[int] = set()

    def look(thing: Any, left: int) -> None:
        if id(thing) in seen or left < 0:
            return
        seen.add(id(thing))
        if isinstance(thing, kinds):
            found[id(thing)] = thing
        elif isinstance(thing, dict):
            for value in thing.values():
                look(value, left - 1)
        elif isinstance(thing, list | tuple | set | frozenset):
            for value in thing:
                look(value, left - 1)
        elif type(thing).__module__.split(".")[0] in packages:
            for value in {
                **getattr(thing, "__dict__", {}),
                **(getattr(thing, "__pydantic_private__", None) or {}),
            }.values():
                look(value, left - 1)
        elif inspect.isfunction(thing) or inspect.ismethod(thing):
            for value in inspect.getclosurevars(thing).nonlocals.values():
                look(value, left - 1)

    look(app, depth)
    return list(found.values())


def only(models: Sequence[Any], named: str) -> Any:
    """The one model among those found. Raises `ConfigError` if there are none or several."""
    if len(models) == 1:
        return models[0]
    found = "no model was found in it" if not models else f"{len(models)} models were found in it"
    raise ConfigError(f"{named}: {found}, so it is not clear which one checks the drafts; return (app, model).")


def _takes_two(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return False
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty for p in parameters) == 2

"""The user's own system: a function `module:function` from a model to a chain, a query engine or a function.

    def app(model: str):                  # called once for each --model
        llm = {"small": small, "large": large}[model]
        return retriever_and_prompt | llm             # LangChain: any Runnable
        return index.as_query_engine(llm=llm)         # LlamaIndex: a query engine
        return lambda question: ..., llm              # anything else, with the model that is to check

What is collected is what that system says, from its own retrieval and prompt. Its drafts are checked by its own model,
found inside it or given beside it, as a cascade of that framework would check them.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from automix_cli.collect.app.shape import Asked
from automix_cli.collect.journal import Journal, Paid, key
from automix_cli.collect.plan import Plan
from automix_cli.collect.retrying import AGAIN, BusyError, Course, asked_pause
from automix_cli.collect.system import CallError
from automix_core.checking.refusal import status_of
from automix_core.errors import AutoMixError, ConfigError, DataError
from automix_core.imported import imported
from automix_core.outcomes.outcome import Question


class App:
    """The user's system under each model, each request paid for once.

    Raises `ConfigError` where the function can't be had, or gives what can't be asked or checked.
    """

    def __init__(self, plan: Plan, journal: Journal, answered: Callable[[], None] = lambda: None) -> None:
        assert plan.app is not None
        self._plan, self._journal, self._answered = plan, journal, answered
        make = imported("--app", plan.app)
        self._source = _digest(make)
        self._systems = [self._made(make, m) for m in range(len(plan.models))]
        self._slots = asyncio.Semaphore(plan.concurrency)
        self.paid = self.found = 0
        self.over = ""

    def _made(self, make: Callable[..., Any], m: int) -> Asked:
        name = self._plan.models[m].name
        try:
            made = make(m if _wants_number(make) else name)
        except AutoMixError:
            raise
        except Exception as error:
            raise ConfigError(
                f"--app {self._plan.app!r} raised {type(error).__name__} for the model {name!r}: {error}. It is called "
                "with one argument, a model's name (or its number, if that is annotated as int)."
            ) from None
        return asked(made, f"--app {self._plan.app!r}", self._plan.verify)

    def known(self, model: int, question: Question, nth: int) -> bool:
        """Whether that answer is in the journal."""
        return self._journal.find(self._key(model, question, nth)) is not None

    async def answer(self, model: int, question: Question, nth: int) -> Paid:
        """What the system says with one model. Raises `CallError`."""
        return await self._once(self._key(model, question, nth), lambda: self._systems[model].answer(question))

    async def checks(self, model: int, question: Question, draft: Paid, nth: int) -> list[Paid]:
        """Checks of its answer. Raises `CallError`."""
        verify = self._plan.verify.model_dump()
        name = self._key(model, question, nth, answer=draft.texts[0], case=draft.case, verify=verify)
        return [await self._once(name, lambda: self._systems[model].checks(dict(draft.case or {}), draft.texts[0]))]

    async def measured(self, model: int, question: Question, draft: Paid, nth: int) -> dict[str, list[Paid]]:
        """None: the plan refuses paid signals of an app."""
        return {}

    def _key(self, model: int, question: Question, nth: int, **more: Any) -> str:
        """What identifies a call: the app as it stands in its file, the model's name, the question."""
        asked = {"app": self._plan.app, "source": self._source, "model": self._plan.models[model].name}
        return key(asked | {"question": question.question, "context": question.context} | more, nth)

    async def _once(self, name: str, call: Callable[[], Any]) -> Paid:
        paid = self._journal.find(name)
        if paid is None:
            paid = await self._tried(call)
            self._journal.keep(name, paid)
            self.paid += 1
        else:
            self.found += 1
        self._answered()
        return paid

    async def _tried(self, call: Callable[[], Any]) -> Paid:
        """The call, again where a provider was busy; models retry by themselves before."""
        course = Course()
        try:
            async for attempt in course.retrying():
                with attempt:
                    try:
                        async with self._slots:
                            if self.over:
                                raise CallError(self.over)
                            started = time.monotonic()
                            paid: Paid = await call()
                            return replace(paid, seconds=round(time.monotonic() - started, 3))
                    except (CallError, DataError):
                        raise
                    except Exception as error:
                        busy = _failure(error)
                        course.note(busy)
                        raise busy from None
        except BusyError as error:
            raise CallError(str(error)) from None
        raise AssertionError("the last try returns or raises")


def asked(made: Any, named: str, verify: Any) -> Asked:
    """How what `named` returned is asked, and who checks it. Raises `ConfigError` if that can't be told."""
    app, model = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    loaded = sys.modules.get  # whoever returns a framework's object has imported the framework
    if loaded("llama_index.core") is not None:
        from automix_cli.collect.app import llamaindex

        if llamaindex.is_ours(app, model):
            return llamaindex.Engine(app, model or llamaindex.model_of(app, named), verify)
    if loaded("langchain_core") is not None:
        from automix_cli.collect.app import langchain

        if langchain.is_ours(app, model):
            return langchain.Chain(app, model or langchain.model_of(app, named), verify, named)
    if callable(app):
        raise ConfigError(
            f"{named} returned a function; return its model too, which checks the drafts: (function, model)."
        )
    raise ConfigError(
        f"{named} returned {type(app).__name__}; it must return a LangChain Runnable, a LlamaIndex query engine or a "
        "function of the question, alone or with the model that checks: (app, model)."
    )


def _wants_number(make: Callable[..., Any]) -> bool:
    try:
        first = next(iter(inspect.signature(make, eval_str=True).parameters.values()), None)
    except (ValueError, TypeError, NameError):
        return False
    return first is not None and first.annotation is int


def _digest(make: Callable[..., Any]) -> str:
    """Of the file that the function stands in: once it is changed, its old answers are no longer its own."""
    try:
        return hashlib.sha256(Path(inspect.getfile(make)).read_bytes()).hexdigest()[:16]
    except (TypeError, OSError):
        return ""


def _failure(error: Exception) -> BusyError:
    """A provider's error: worth another try if its status says so, else failed for good."""
    status = status_of(error)
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    text = " ".join(str(error).split())[:200]
    for name, secret in os.environ.items():
        if name.upper().endswith(("_API_KEY", "_TOKEN", "_SECRET")) and len(secret) > 7:
            text = text.replace(secret, "***")
    problem = f"{type(error).__name__}: {text}"
    if status not in AGAIN:
        raise CallError(problem, status) from None
    return BusyError(problem, asked_pause(headers))

"""`automix demo`: the cascade, live, on a handbook that no model has read.

Options are read and models opened here; the asking is in `demo_ask`, what people see in `demo_view`, what was measured
in `demo_totals`. Heavy imports wait until the command runs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automix_core.errors import ConfigError

from .progress import progress

if TYPE_CHECKING:
    from .endpoint import Endpoint
    from .progress import Progress
LONGEST_ANSWER = 128
"""Tokens; a very small model that has lost its way writes until something stops it."""


class Framework(StrEnum):
    """Who asks the questions; what each needs is imported only when it is chosen."""

    LANGCHAIN = "langchain"
    LLAMAINDEX = "llamaindex"

    def check(self) -> None:
        """Raise `ConfigError` if the framework is not installed: better before models are loaded than after."""
        package = {"langchain": "langchain_core", "llamaindex": "llama_index.core"}[self]
        try:
            import_module(package)
        except ImportError:
            raise ConfigError(f"{package} is missing: pip install 'automix-rag[all]'") from None

    def host(self) -> Any:
        """The module that asks with it: `cascade(small, large)` and `ask(llm, retriever, question, show)`."""
        name = {"langchain": "demo_ask", "llamaindex": "demo_llamaindex"}[self]
        return import_module(f".{name}", __package__)

    def model(self, endpoint: Endpoint, **options: Any) -> Any:
        """A model of the framework's behind `endpoint`."""
        if self is Framework.LANGCHAIN:
            from .chat import chat_model

            return chat_model(endpoint, **options)
        from .openai_like import openai_like

        return openai_like(endpoint, **options)


@dataclass(frozen=True, slots=True)
class Models:
    """Which two models to use: an endpoint where one is given as `URL#model`, else the embedded pair's."""

    small: str | None = None
    large: str | None = None
    tiny: bool = False
    weights: Path | None = None

    @contextmanager
    def open(self, progress: Progress) -> Iterator[list[Endpoint]]:
        """Both endpoints, served for the time of the block where they are embedded.

        Raises `ConfigError` for a bad `URL#model`, `EngineError` where an embedded model can't be had.
        """
        from .endpoint import parse_endpoint
        from .engine import embedded
        from .weights import DEFAULT_PAIR, TINY_PAIR

        given = {"small": self.small, "large": self.large}
        own = {name: parse_endpoint(url, name) for name, url in given.items() if url is not None}
        pair = dict(zip(given, TINY_PAIR if self.tiny else DEFAULT_PAIR, strict=True))
        served = [name for name in given if name not in own]
        names, slots = [pair[name] for name in served], [8 if name == "small" else 2 for name in served]
        with embedded(names, folder=self.weights, progress=progress, slots=slots) as engines:
            found = own | {name: engine.endpoint for name, engine in zip(served, engines, strict=True)}
            yield [found[name] for name in given]


def demo(
    tiny: Annotated[bool, typer.Option("--tiny", help="Use the smallest embedded pair: 135M, then 0.5B.")] = False,
    weights: Annotated[
        Path | None, typer.Option("--weights", metavar="DIR", help="Folder with the embedded models' GGUF files.")
    ] = None,
    small: Annotated[
        str | None, typer.Option("--small", metavar="URL#MODEL", help="Any OpenAI-compatible model as the small one.")
    ] = None,
    large: Annotated[
        str | None, typer.Option("--large", metavar="URL#MODEL", help="Any OpenAI-compatible model as the large one.")
    ] = None,
    questions: Annotated[
        int | None, typer.Option("--questions", metavar="N", min=1, help="Ask only the first N of the eight.")
    ] = None,
    framework: Annotated[
        Framework, typer.Option("--framework", help="Whose chat model or LLM the cascade stands in for.")
    ] = Framework.LANGCHAIN,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")] = False,
) -> None:
    """Answer questions about a handbook with a small model that checks itself and a large one behind it."""
    run(Models(small, large, tiny, weights), questions, as_json, progress(quiet), framework)


def run(
    models: Models, limit: int | None, as_json: bool, progress: Progress, framework: Framework = Framework.LANGCHAIN
) -> None:
    """Open the models, ask the questions, print what happened.

    Raises `ConfigError` if the framework's packages are not installed.
    """
    framework.check()
    with models.open(progress) as endpoints:
        names = [endpoint.model for endpoint in endpoints]
        chats = [framework.model(endpoint, max_tokens=LONGEST_ANSWER) for endpoint in endpoints]
        document = report(names, chats, limit, framework) if as_json else None
        if document is None:
            tell(names, chats, limit, framework)
    if document is not None:
        json.dump(document, sys.stdout, ensure_ascii=False, indent=2)
        sys.stdout.write("\n")


def tell(
    names: Sequence[str],
    chats: Sequence[Any],
    limit: int | None = None,
    framework: Framework = Framework.LANGCHAIN,
) -> None:
    """Ask the questions and show each as it happens."""
    from rich.console import Console

    from .corpus import handbook, questions
    from .demo_totals import measured
    from .demo_view import View
    from .retrieval import Retriever

    passages, asked, host = handbook(), questions()[:limit], framework.host()
    llm, retriever, answered = host.cascade(*chats), Retriever(passages), []
    with View(Console(highlight=False), names) as view:
        view.opening(len(passages), len(asked))
        for number, question in enumerate(asked, start=1):
            view.ask(number, len(asked), question)
            answered.append(host.ask(llm, retriever, question, view.show))
            view.done(answered[-1])
        view.closing(answered, measured(answered, len(names)))


def report(
    names: Sequence[str],
    chats: Sequence[Any],
    limit: int | None = None,
    framework: Framework = Framework.LANGCHAIN,
) -> dict[str, Any]:
    """Ask the questions and return the whole run as one JSON-able document."""
    from .corpus import handbook, questions
    from .demo_totals import document
    from .retrieval import Retriever

    host, retriever = framework.host(), Retriever(handbook())
    llm = host.cascade(*chats)
    answered = [host.ask(llm, retriever, question, lambda event: None) for question in questions()[:limit]]
    return document(names, answered)

"""The command `automix demo` as it is typed; what it does is in `run`.

Exit codes: 0 after the last question, 1 where a model, an engine or a file fails, 2 for bad use, 130 after Ctrl-C.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automix_core.errors import ConfigError

from ..progress import progress
from .framework import Framework
from .models import Models
from .run import Plan, run


def demo(
    question: Annotated[
        str | None, typer.Argument(help="Your question; without one the eight of the handbook.", show_default=False)
    ] = None,
    docs: Annotated[
        Path | None, typer.Option("--docs", metavar="FOLDER", help="Your documents: text, Markdown and PDF files.")
    ] = None,
    ask: Annotated[bool, typer.Option("--ask", help="Type questions, one after the other.")] = False,
    tiny: Annotated[bool, typer.Option("--tiny", help="Use the smallest embedded pair: 135M, then 0.5B.")] = False,
    weights: Annotated[
        Path | None, typer.Option("--weights", metavar="DIR", help="Folder with the embedded models' GGUF files.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before a download.")] = False,
    small: Annotated[
        str | None,
        typer.Option(
            "--small", metavar="URL#MODEL", help="Any OpenAI-compatible model as the small one; key in SMALL_API_KEY."
        ),
    ] = None,
    large: Annotated[
        str | None,
        typer.Option(
            "--large", metavar="URL#MODEL", help="Any OpenAI-compatible model as the large one; key in LARGE_API_KEY."
        ),
    ] = None,
    questions: Annotated[
        int | None, typer.Option("--questions", metavar="N", min=1, help="Ask only the first N of the eight.")
    ] = None,
    framework: Annotated[
        Framework, typer.Option("--framework", help="Whose chat model or LLM the cascade stands in for.")
    ] = Framework.LANGCHAIN,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="A saved policy in place of the default threshold.")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="The default threshold and a fitted policy on the same drafts.")
    ] = False,
    prices: Annotated[
        tuple[float, float],
        typer.Option("--prices", metavar="SMALL LARGE", help="Example prices, USD per million tokens."),
    ] = (1.0, 50.0),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")] = False,
) -> None:
    """Answer questions with a small model that checks itself and a large one behind it, on a handbook or your files."""
    if questions is not None and (question or docs or ask):
        raise ConfigError("--questions is for the eight of the handbook; leave it out with questions of your own.")
    if question is not None and not question.strip():
        raise ConfigError("The question is empty.")
    plan = Plan(
        models=Models(small, large, tiny, weights, yes),
        question=question,
        docs=docs,
        ask=ask,
        limit=questions,
        framework=framework,
        policy=policy,
        compare=compare,
        prices=prices,
    )
    run(plan, as_json, progress(quiet))

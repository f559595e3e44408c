"""`automix collect`: questions in, outcomes out; over any OpenAI-compatible endpoint or through an app of one's own."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automix_cli.collect.plan import Plan, plan
from automix_cli.printing import not_over, outputs, print_json, write
from automix_cli.recorded import as_parquet, write_outcomes
from automix_core.cascade_file.settings import EMBEDDED, MOST_VERDICTS, ModelSettings
from automix_core.errors import ConfigError, DataError
from automix_core.outcomes.outcome import Outcome, Question, read_questions

if TYPE_CHECKING:
    from automix_cli.collect.cluster import Cluster
    from automix_cli.collect.journal import Journal
    from automix_cli.collect.run import Collected
    from automix_cli.collect.system import System
    from automix_cli.progress import Progress

_WORKERS = 4


def collect(
    questions: Annotated[Path, typer.Argument(help="Questions: JSON Lines, JSON or CSV.", show_default=False)],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="The outcomes: JSON Lines, or Parquet by its name.",
            show_default=False,
        ),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=URL#MODEL",
            help="A model, cheapest first; embedded:0.5b in place of the URL for the engine. Key: NAME_API_KEY.",
            show_default=False,
        ),
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=IN/OUT[/CACHED]", help="USD per million tokens; without prices costs are tokens."),
    ] = None,
    app: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="Your own system: a function from a model's name to a chain or query engine; --model NAME then.",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML: models, prompt, temperatures, limits.", show_default=False)
    ] = None,
    scorer: Annotated[
        str | None, typer.Option(help="f1 (default), exact, choice, contains or module:function.", show_default=False)
    ] = None,
    k: Annotated[
        int | None, typer.Option(min=1, max=MOST_VERDICTS, help="Verdicts a draft; default 8.", show_default=False)
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Requests at a time; default 8, and 1 with an embedded model.", show_default=False),
    ] = None,
    signals: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="Signals of the drafts: auto (their words, default), all (log-probabilities too) or names.",
            show_default=False,
        ),
    ] = None,
    measures: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="Paid signals of every draft, by its model: p_correct, sufficient, agreement.",
            show_default=False,
        ),
    ] = None,
    to_label: Annotated[
        Path | None,
        typer.Option(help="Write the questions without gold answers on which the models disagree.", show_default=False),
    ] = None,
    texts: Annotated[
        bool,
        typer.Option(
            "--texts/--no-texts", help="Whether the outcomes hold texts; without, a finished run's journal goes too."
        ),
    ] = True,
    weights: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder with the embedded weights.")] = None,
    engine: Annotated[
        str, typer.Option(help="Who sends the requests: local, or ray, the workers of a Ray cluster.")
    ] = "local",
    workers: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Workers of the cluster; default 4.", show_default=False)
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="The Ray cluster; without, one of RAY_ADDRESS or on this computer.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Ask every model every question, check the drafts, score the answers, and write it all down as outcomes.

    Every answer paid for goes to a journal beside the output; after an interruption the same command goes on.
    """
    from automix_cli.collect.journal import Journal
    from automix_cli.collect.run import collect as run
    from automix_cli.collect.run import requests
    from automix_cli.progress import progress
    from automix_core.outcomes.scoring import scorer as scorer_called

    in_parquet = as_parquet(output)  # what is missing is said before anything is paid
    outputs(output, _journal(output), to_label, inputs=[questions, config])
    not_over(output, "outcomes")
    if to_label is not None and not texts:
        raise ConfigError("--to-label writes questions and answers, which --no-texts forbids; give one of the two.")
    wanted = plan(
        config,
        model or (),
        price or (),
        scorer=scorer,
        concurrency=concurrency,
        k=k,
        app=app,
        texts=texts,
        signals=signals,
        measures=measures,
    )
    cluster = _cluster(engine, workers, address, wanted)
    score = scorer_called(wanted.scorer)
    asked = read_questions(questions)
    if not asked:
        raise DataError(f"{questions} holds no questions.")
    shown = progress(as_json)
    with (
        Journal(_journal(output)) as journal,
        _counting(requests(len(asked), len(wanted.models)), as_json) as answered,
        cluster or nullcontext(),
        _system(wanted, weights, shown, journal, answered, cluster) as opened,
    ):

        async def go() -> Collected:
            async with opened as system:
                return await run(asked, wanted, system, score, journal, texts=wanted.texts)

        try:
            found = asyncio.run(go())
        except KeyboardInterrupt:
            shown.note(f"{len(journal)} answers are kept in {journal.path}; the same command goes on from there.")
            raise
        if not wanted.texts and not found.failed:
            journal.remove()
    if not found.outcomes:
        why = next(iter(found.failed.values()))
        raise DataError(f"All {len(asked)} questions failed ({why}); {output} is left as it was.")
    records = (Outcome.model_validate(one).record() for one in found.outcomes) if in_parquet else found.outcomes
    write_outcomes(output, records)
    facts = _facts(wanted, found, asked)
    if to_label is not None:
        apart = _apart(found.outcomes)
        write(to_label, _lines_of(apart), private=True)
        facts["to_label"] = len(apart)
    if as_json:
        print_json(facts)
    else:
        typer.echo(_words(facts, output, to_label))
    if found.failed:
        first, why = next(iter(found.failed.items()))
        gave_up = f"; gave up as {found.given_up}" if found.not_asked else ""
        raise DataError(
            f"{len(found.failed)} of {len(asked)} questions failed and are left out, {first!r} among them ({why})"
            f"{gave_up}; run the same command again to try only those."
        )


def _lines_of(records: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _cluster(engine: str, workers: int | None, address: str | None, wanted: Plan) -> Cluster | None:
    """The cluster whose workers send the requests, if one is wanted. Raises `ConfigError` for what can't be."""
    if engine not in ("local", "ray"):
        raise ConfigError(f"--engine must be local or ray, not {engine!r}.")
    if engine == "local":
        if workers is not None or address is not None:
            raise ConfigError("--workers and --address are of --engine ray.")
        return None
    if wanted.app is not None:
        raise ConfigError(f"--engine ray sends requests to endpoints; {wanted.app} sends its own: leave one out.")
    if inside := [settings.name for settings in wanted.models if settings.url.startswith(EMBEDDED)]:
        raise ConfigError(f"--engine ray can't share this computer's embedded models ({', '.join(inside)}).")
    from automix_cli.collect.cluster import Cluster

    return Cluster(workers or _WORKERS, address)


def _journal(output: Path) -> Path:
    return output.parent / f"{output.name}.journal"


@contextmanager
def _system(
    wanted: Plan,
    weights: Path | None,
    shown: Progress,
    journal: Journal,
    answered: Callable[[], None],
    cluster: Cluster | None,
) -> Iterator[AbstractAsyncContextManager[System]]:
    """What is asked, opened within the event loop; embedded models are served for the time of the block."""
    if wanted.app is not None:
        from automix_cli.collect.app.app import App

        yield nullcontext(App(wanted, journal, answered))
        return
    from automix_cli.collect.calls import Calls
    from automix_cli.collect.prompted import Prompted
    from automix_cli.engine.engine import embedded
    from automix_core.endpoint.endpoint import parse_endpoint

    inside = [settings for settings in wanted.models if settings.url.startswith(EMBEDDED)]
    own = {s.name: parse_endpoint(s.url, s.name) for s in wanted.models if s not in inside}
    names = [settings.url.removeprefix(EMBEDDED) for settings in inside]
    with embedded(names, folder=weights, progress=shown, slots=wanted.verify.k) as engines:
        found = own | {s.name: engine.endpoint for s, engine in zip(inside, engines, strict=True)}
        endpoints, urls = [found[s.name] for s in wanted.models], [s.url for s in wanted.models]

        @asynccontextmanager
        async def opened() -> AsyncIterator[System]:
            async with Calls(endpoints, urls, journal, wanted.concurrency, answered, shown.note, cluster) as calls:
                yield Prompted(wanted, calls)

        yield opened()


@contextmanager
def _counting(total: int, quiet: bool) -> Iterator[Callable[[], None]]:
    """A bar of requests on standard error with rate and time left; a line each tenth where there is no terminal."""
    if quiet:
        yield lambda: None
        return
    if not sys.stderr.isatty():
        yield _lines(total)
        return
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[rate]}"),
        bars.TimeRemainingColumn(compact=True),
    )
    with bars.Progress(*columns, console=Console(stderr=True)) as shown:
        task, started = shown.add_task("requests", total=total, rate=""), time.monotonic()

        def one() -> None:
            done = shown.tasks[task].completed + 1
            shown.update(task, advance=1, rate=_rate(done, time.monotonic() - started))

        yield one


def _lines(total: int) -> Callable[[], None]:
    done, told, started = 0, 0, time.monotonic()

    def one() -> None:
        nonlocal done, told
        done += 1
        if (reached := min(10 * done // max(total, 1), 10)) > told:
            told = reached
            seconds = time.monotonic() - started
            left = seconds / done * max(total - done, 0)
            print(f"{done} of about {total} requests, {_rate(done, seconds)}, {left:.0f} s left", file=sys.stderr)

    return one


def _rate(done: float, seconds: float) -> str:
    rate = done / max(seconds, 1e-9)
    return f"{rate:.1f}/s" if rate >= 1 else f"{60 * rate:.1f}/min"


def _apart(outcomes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The questions worth a label: no gold answer, and a smaller model's answer differs from the largest's."""
    names = ("id", "question", "context")
    return [
        {name: outcome[name] for name in names if name in outcome}
        | {"candidates": [model["answer"] for model in outcome["models"]]}
        for outcome in outcomes
        if outcome["reference"] == "largest" and any(model["score"] < 1 for model in outcome["models"][:-1])
    ]


def _facts(wanted: Plan, found: Collected, asked: Sequence[Question]) -> dict[str, Any]:
    from automix_core.fitting.fit import MOST_VERDICTS

    count = max(len(found.outcomes), 1)
    models = {
        settings.name: {
            "score": sum(o["models"][m]["score"] for o in found.outcomes) / count,
            "cost": sum(o["models"][m]["cost"] for o in found.outcomes) / count,
        }
        for m, settings in enumerate(wanted.models)
    }
    said = [v for o in found.outcomes for model in o["models"] for v in model.get("verdicts", ())]
    notes = []
    if wanted.prices is None:
        notes.append(
            "No prices were given, so costs are tokens, by which a larger model looks as cheap: give --price, "
            "here or to automix fit."
        )
    if empty := sum(question.answers == () for question in asked):
        notes.append(
            f"{empty} questions have an empty list of answers, which is read as: the context lacks the answer."
        )
    if any(question.answers is None for question in asked):
        last = _last(wanted.models)
        notes.append(f"Questions without answers are scored against {last}'s answers, by which {last} scores 1.")
    if wanted.verify.k > min(MOST_VERDICTS):
        readable, mixed = MOST_VERDICTS
        notes.append(f"automix fit uses the first {readable} verdicts of a draft, {mixed} where some are unreadable.")
    if found.estimated:
        notes.append("A server reported no tokens, or those of one choice of several; those costs are estimated.")
    return {
        "outcomes": len(found.outcomes),
        "failed": found.failed,
        "not_asked": found.not_asked,
        "requests_paid": found.paid,
        "requests_from_journal": found.found,
        "unreadable_share": sum(v is None for v in said) / len(said) if said else None,
        "models": models,
        "notes": notes,
    }


def _last(models: Sequence[ModelSettings]) -> str:
    return models[-1].name


def _words(facts: dict[str, Any], output: Path, to_label: Path | None) -> str:
    lines = [
        f"{facts['outcomes']} outcomes, {facts['requests_paid']} requests paid, "
        f"{facts['requests_from_journal']} taken from the journal"
    ]
    for name, model in facts["models"].items():
        lines.append(f"  {name:<28} mean score {model['score']:.4f}  mean cost {model['cost']:.6g}")
    if facts["unreadable_share"] is not None:
        lines.append(f"  {facts['unreadable_share']:.1%} of the verdicts are unreadable")
    lines += [f"note: {note}" for note in facts["notes"]]
    if to_label is not None:
        lines.append(f'wrote {facts["to_label"]} questions to label to {to_label}: add "answers" and collect again')
    return "\n".join([*lines, f"wrote {output}"])

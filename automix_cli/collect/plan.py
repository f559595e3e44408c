"""What to collect: the models in order, their prices, the prompt, how drafts are checked and scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from automix_cli.options import listed
from automix_cli.prices import named_prices
from automix_core.cascade_file.prices import prices_of
from automix_core.cascade_file.reading import read_cascade_file
from automix_core.cascade_file.settings import (
    EMBEDDED,
    PROMPT,
    CascadeFile,
    CheckSettings,
    ModelSettings,
)
from automix_core.checking.measuring import AGREEMENT
from automix_core.errors import ConfigError
from automix_core.evidence.lexical import TEXTUAL
from automix_core.evidence.wanted import FREE_NAMES, needs_tokens, wanted_signals
from automix_core.routing.price import Price

_AT_ONCE = 8
MEASURES = ("p_correct", "sufficient", AGREEMENT)
"""The paid signals that can be bought of every draft."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to collect, checked."""

    models: tuple[ModelSettings, ...]
    prices: tuple[Price, ...] | None
    prompt: str
    scorer: str
    concurrency: int
    verify: CheckSettings
    app: str | None = None
    texts: bool = True
    signals: tuple[str, ...] = tuple(sorted(TEXTUAL))
    measures: tuple[str, ...] = ()


def plan(
    file: CascadeFile | Path | None,
    models: Sequence[str] = (),
    prices: Sequence[str] = (),
    *,
    scorer: str | None = None,
    concurrency: int | None = None,
    k: int | None = None,
    app: str | None = None,
    texts: bool = True,
    signals: str | None = None,
    measures: str | None = None,
) -> Plan:
    """The plan of a configuration, read or in its file, and the options that overrule it.

    Raises `ConfigError` for what can't work.
    """
    read = file if isinstance(file, CascadeFile) else read_cascade_file(file) if file else CascadeFile()
    app = app or read.app
    named = [_model(text, app) for text in models]
    chosen = {model.name: model for model in (named or read.model)}
    if len(chosen) < len(named or read.model):
        raise ConfigError("Two models have the same name.")
    if len(chosen) < 2:
        raise ConfigError(
            f"A cascade needs two models or more, cheapest first; there are {len(chosen)}: give each a --model, or a "
            "[[model]] in the file."
        )
    for name, text in named_prices(prices, list(chosen)).items():
        chosen[name] = chosen[name].model_copy(update={"price": text})
    settings = list(chosen.values())
    _check(settings, read, app)
    inside = any(model.url.startswith(EMBEDDED) for model in settings)  # these share this computer's CPU
    found = Plan(
        models=tuple(settings),
        prices=prices_of(settings),
        prompt=read.prompt,
        scorer=scorer or read.scorer,
        concurrency=concurrency or read.concurrency or (1 if inside else _AT_ONCE),
        verify=read.verify,
        app=app,
        texts=texts and read.texts,
        signals=_signals(read.signals if signals is None else signals, app),
        measures=_measures(measures or "", app),
    )
    return found if k is None else replace(found, verify=found.verify.model_copy(update={"k": k}))


def _check(models: Sequence[ModelSettings], read: CascadeFile, app: str | None) -> None:
    for model in models:
        if not app and not model.url:
            raise ConfigError(f"{model.name} has no url: where is it? Give URL#MODEL, or --app.")
        if app and model.url:
            raise ConfigError(f"{model.name} has a url, but {app} says where its models are; give one of the two.")
    for placeholder in ("{context}", "{question}"):
        if placeholder not in read.prompt:
            raise ConfigError(f"The prompt must contain {placeholder}.")
    if app and read.prompt != PROMPT:
        raise ConfigError(f"A prompt is given, but {app} has its own; leave out prompt.")


def _measures(named: str, app: str | None) -> tuple[str, ...]:
    """The paid signals to buy of every draft. Raises `ConfigError` for one that there is not, or under an app."""
    names = tuple(dict.fromkeys(listed(named)))
    if unknown := [name for name in names if name not in MEASURES]:
        raise ConfigError(f"measures: there is no signal {', '.join(unknown)} to buy; there are {', '.join(MEASURES)}.")
    if names and app:
        raise ConfigError(f"measures: of the app {app} audits buy signals, not collect; leave {', '.join(names)} out.")
    return names


def _signals(named: str | Sequence[str], app: str | None) -> tuple[str, ...]:
    """The signals to record: those named; "auto" is what costs nothing to ask for, "all" log-probabilities too.

    Raises `ConfigError` for a name that no signal has, and for one that an app's answers don't tell.
    """
    if named == "all":
        named = tuple(TEXTUAL) if app else FREE_NAMES
    elif isinstance(named, str) and named != "auto":
        named = listed(named)
    found = wanted_signals(named, None)
    if app and needs_tokens(found):
        tokens = ", ".join(name for name in found if needs_tokens([name]))
        raise ConfigError(f"signals: {tokens} needs log-probabilities, which {app} doesn't tell; leave it out.")
    return found


def _model(text: str, app: str | None) -> ModelSettings:
    if app and "=" not in text and text.isprintable() and text:
        return ModelSettings(name=text)
    name, equals, url = text.partition("=")
    if not (name and equals and url and text.isprintable()):
        raise ConfigError(f"--model must be NAME=URL#MODEL{', or with --app NAME' if app else ''}, not {text!r}.")
    return ModelSettings(name=name, url=url)

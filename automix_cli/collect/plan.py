"""What to collect: the models in order, their prices, the prompt, how drafts are checked and scored."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from automix_cli.prices import named_prices, price
from automix_core.errors import ConfigError, DataError
from automix_core.evidence.lexical import TEXTUAL
from automix_core.evidence.wanted import FREE_NAMES, needs_tokens, wanted_signals
from automix_core.files import read_text
from automix_core.routing.price import Price

EMBEDDED = "embedded:"
_AT_ONCE = 8
MOST_VERDICTS = 1000
_MOST_TOML = 1_000_000
_MEANT = {
    "models": "write [[model]], once for each model",
    "url_model": "write url",
    "base_url": "write url, as URL#MODEL",
    "model": 'a model is url = "URL#MODEL" and name = "..."',
    "api_key": "keys are read from the environment: NAME_API_KEY, else OPENAI_API_KEY",
    "key": "keys are read from the environment: NAME_API_KEY, else OPENAI_API_KEY",
    "prices": 'write price = "IN/OUT" in each [[model]]',
    "k": "write it in the table [verify]",
    "verifier": "write the table [verify]",
    "temperature": "write it in a [[model]] for its answers, in [verify] for checks",
    "max_tokens": "write it in a [[model]] for its answers, in [verify] for checks",
}
"""Likely slips, and what to write."""

PROMPT = (
    "Answer the question from the context, in a few words. If the context does not contain the answer, say that it "
    "does not say.\n\nContext:\n{context}\n\nQuestion: {question}"
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelSettings(_Strict):
    """One model: `url` is URL#MODEL or embedded:NAME, `price` IN/OUT in USD per million tokens.

    Under an app `url`, `temperature` and `max_tokens` are the app's own business.
    """

    name: str = Field(min_length=1)
    url: str = ""
    price: str | None = None
    temperature: float | None = Field(default=0.0, ge=0)
    max_tokens: int | None = Field(default=256, ge=1)


class CheckSettings(_Strict):
    """How drafts are checked: `k` verdicts each."""

    k: int = Field(default=8, ge=1, le=MOST_VERDICTS)
    temperature: float | None = Field(default=1.0, ge=0)
    max_tokens: int | None = Field(default=256, ge=1)


class File(_Strict):
    """A TOML configuration: everything has a default but the models, which may come from the command line."""

    model: tuple[ModelSettings, ...] = ()
    prompt: str = PROMPT
    app: str | None = None
    scorer: str = "f1"
    concurrency: int | None = Field(default=None, ge=1)
    texts: bool = True
    signals: str | tuple[str, ...] = "auto"
    verify: CheckSettings = CheckSettings()


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


def plan(
    file: Path | None,
    models: Sequence[str] = (),
    prices: Sequence[str] = (),
    *,
    scorer: str | None = None,
    concurrency: int | None = None,
    k: int | None = None,
    app: str | None = None,
    texts: bool = True,
    signals: str | None = None,
) -> Plan:
    """The plan of a configuration file and the options that overrule it. Raises `ConfigError` for what can't work."""
    read = _read(file) if file else File()
    app = app or read.app
    named = [_model(text, app) for text in models]
    chosen = {model.name: model for model in (named or read.model)}
    if len(chosen) < len(named or read.model):
        raise ConfigError("Two models have the same name.")
    if len(chosen) < 2:
        raise ConfigError(f"Collecting needs two models or more, cheapest first; there are {len(chosen)} (--model).")
    for name, text in named_prices(prices, list(chosen)).items():
        chosen[name] = chosen[name].model_copy(update={"price": text})
    settings = list(chosen.values())
    _check(settings, read, app)
    inside = any(model.url.startswith(EMBEDDED) for model in settings)  # these share this computer's CPU
    found = Plan(
        models=tuple(settings),
        prices=_prices(settings),
        prompt=read.prompt,
        scorer=scorer or read.scorer,
        concurrency=concurrency or read.concurrency or (1 if inside else _AT_ONCE),
        verify=read.verify,
        app=app,
        texts=texts and read.texts,
        signals=_signals(read.signals if signals is None else signals, app),
    )
    return found if k is None else replace(found, verify=found.verify.model_copy(update={"k": k}))


def _check(models: Sequence[ModelSettings], read: File, app: str | None) -> None:
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


def _signals(named: str | Sequence[str], app: str | None) -> tuple[str, ...]:
    """The signals to record: those named; "auto" is what costs nothing to ask for, "all" log-probabilities too.

    Raises `ConfigError` for a name that no signal has, and for one that an app's answers don't tell.
    """
    if named == "all":
        named = tuple(TEXTUAL) if app else FREE_NAMES
    elif isinstance(named, str) and named != "auto":
        named = [name.strip() for name in named.split(",") if name.strip()]
    found = wanted_signals(named, None)
    if app and needs_tokens(found):
        tokens = ", ".join(name for name in found if needs_tokens([name]))
        raise ConfigError(f"signals: {tokens} needs log-probabilities, which {app} doesn't tell; leave it out.")
    return found


def _read(path: Path) -> File:
    try:
        return File.model_validate(tomllib.loads(read_text(path, _MOST_TOML)))
    except DataError as error:
        raise ConfigError(str(error)) from None
    except ValidationError as error:
        raise ConfigError(f"{path}: {_slip(error)}") from None
    except (ValueError, RecursionError) as error:  # no TOML, a number too long to read, brackets without end
        raise ConfigError(f"{path} is not TOML: {error}.") from None


def _slip(error: ValidationError) -> str:
    """The first thing wrong, and what was likely meant."""
    first = error.errors(include_url=False)[0]
    *table, name = map(str, first["loc"])
    field = ".".join([*table, name])
    if first["type"] == "extra_forbidden":
        if name in _MEANT:
            return f"{field}: {_MEANT[name]}."
        known = ModelSettings if table[:1] == ["model"] else CheckSettings if table[:1] == ["verify"] else File
        close = difflib.get_close_matches(name, known.model_fields, 1)
        return f"{field}: there is no such setting; {f'is {close[0]} meant' if close else 'known'}" + (
            "?" if close else f" are {', '.join(known.model_fields)}."
        )
    if field == "model":
        return "model: write [[model]], in double brackets, once for each model."
    return f"{field}: {first['msg'][0].lower()}{first['msg'][1:]}."


def _model(text: str, app: str | None) -> ModelSettings:
    if app and "=" not in text and text.isprintable() and text:
        return ModelSettings(name=text)
    name, equals, url = text.partition("=")
    if not (name and equals and url and text.isprintable()):
        raise ConfigError(f"--model must be NAME=URL#MODEL{', or with --app NAME' if app else ''}, not {text!r}.")
    return ModelSettings(name=name, url=url)


def _prices(models: Sequence[ModelSettings]) -> tuple[Price, ...] | None:
    """All models' prices, or None if none has one."""
    without = [model.name for model in models if model.price is None]
    if len(without) == len(models):
        return None
    if without:
        raise ConfigError(f"Prices are given for some models only; {', '.join(without)} has none.")
    return tuple(price(model.name, model.price or "") for model in models)

"""What to collect: the models in order, their prices, the prompt, how drafts are checked and scored."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from automix_core.errors import ConfigError
from automix_core.routing.price import Price

EMBEDDED = "embedded:"
_AT_ONCE = 8
MOST_VERDICTS = 1000

PROMPT = (
    "Answer the question from the context, in a few words. If the context does not contain the answer, say that it "
    "does not say.\n\nContext:\n{context}\n\nQuestion: {question}"
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelSettings(_Strict):
    """One model: `url` is URL#MODEL or embedded:NAME, `price` IN/OUT in USD per million tokens."""

    name: str = Field(min_length=1)
    url: str
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
    scorer: str = "f1"
    concurrency: int | None = Field(default=None, ge=1)
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


def plan(
    file: Path | None,
    models: Sequence[str] = (),
    prices: Sequence[str] = (),
    *,
    scorer: str | None = None,
    concurrency: int | None = None,
    k: int | None = None,
) -> Plan:
    """The plan of a configuration file and the options that overrule it. Raises `ConfigError` for what can't work."""
    read = _read(file) if file else File()
    named = [ModelSettings(**_named("--model", text, "NAME=URL#MODEL")) for text in models]
    chosen = {model.name: model for model in (named or read.model)}
    if len(chosen) < len(named or read.model):
        raise ConfigError("Two models have the same name.")
    if len(chosen) < 2:
        raise ConfigError(f"Collecting needs two models or more, cheapest first; there are {len(chosen)} (--model).")
    for text in prices:
        name, price = _pair("--price", text, "NAME=IN/OUT")
        if name not in chosen:
            raise ConfigError(f"--price names {name!r}, but the models are {', '.join(chosen)}.")
        chosen[name] = chosen[name].model_copy(update={"price": price})
    for placeholder in ("{context}", "{question}"):
        if placeholder not in read.prompt:
            raise ConfigError(f"The prompt must contain {placeholder}.")
    inside = any(model.url.startswith(EMBEDDED) for model in chosen.values())  # these share this computer's CPU
    found = Plan(
        models=tuple(chosen.values()),
        prices=_prices(list(chosen.values())),
        prompt=read.prompt,
        scorer=scorer or read.scorer,
        concurrency=concurrency or read.concurrency or (1 if inside else _AT_ONCE),
        verify=read.verify,
    )
    return found if k is None else replace(found, verify=found.verify.model_copy(update={"k": k}))


def _read(path: Path) -> File:
    try:
        return File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror or error}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {field}: {first['msg']}.") from None
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, a number too long to read, brackets without end
        raise ConfigError(f"{path} is not TOML: {error}.") from None


def _named(option: str, text: str, form: str) -> dict[str, Any]:
    name, url = _pair(option, text, form)
    return {"name": name, "url": url}


def _pair(option: str, text: str, form: str) -> tuple[str, str]:
    name, equals, rest = text.partition("=")
    if not (name and equals and rest and text.isprintable()):
        raise ConfigError(f"{option} must be {form}, not {text!r}.")
    return name, rest


def _prices(models: Sequence[ModelSettings]) -> tuple[Price, ...] | None:
    """All models' prices, or None if none has one."""
    without = [model.name for model in models if model.price is None]
    if len(without) == len(models):
        return None
    if without:
        raise ConfigError(f"Prices are given for some models only; {', '.join(without)} has none.")
    return tuple(price(model.name, model.price or "") for model in models)


def price(name: str, text: str) -> Price:
    """The price `IN/OUT` or `IN/OUT/CACHED`. Raises `ConfigError` if it is none."""
    parts = text.split("/")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3):
        raise ConfigError(f"The price of {name} must be IN/OUT in USD per million tokens, not {text!r}.")
    found = Price(*numbers)
    if not all(number == 0 or 1e-9 <= number <= 1e9 for number in numbers):
        raise ConfigError(f"The price of {name}, {text}, must be 0 or lie between 1e-9 and 1e9 USD per million tokens.")
    return found

"""`cascade.toml`: models in order, prompt, checks, policy, server. One format for collecting and serving.

Each command reads what concerns it and leaves the rest alone, so that one file describes one cascade.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from automix_core.errors import ConfigError, DataError
from automix_core.files import read_text

EMBEDDED = "embedded:"
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


class ServeSettings(_Strict):
    """Where `automix serve` listens, and how much it takes in.

    `keys_file` holds the clients' keys, one a line; else they are in AUTOMIX_SERVE_KEYS, separated by commas.
    `most_bytes` is the largest body of a request, `per_minute` how many requests a key may send in a minute, `at_once`
    how many are worked on at a time: one more is told to come again. `grace` is how many seconds a shutdown waits for
    answers that have begun.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8321, ge=0, le=65535)
    keys_file: str | None = None
    most_bytes: int = Field(default=1_000_000, ge=1)
    per_minute: int | None = Field(default=None, ge=1)
    at_once: int = Field(default=64, ge=1)
    grace: float = Field(default=30.0, ge=0)


class CascadeFile(_Strict):
    """A TOML configuration of one cascade: everything has a default but the models.

    `prompt`, `app`, `scorer`, `concurrency`, `texts` and `signals` are for collecting; `name`, `policy` (a saved one's
    path, or the least confidence to keep a draft), `without_context`, `timeout` (seconds a question), `max_cost` (USD a
    question), `when_out` and the table [serve] for serving.
    """

    model: tuple[ModelSettings, ...] = ()
    verify: CheckSettings = CheckSettings()
    prompt: str = PROMPT
    app: str | None = None
    scorer: str = "f1"
    concurrency: int | None = Field(default=None, ge=1)
    texts: bool = True
    signals: str | tuple[str, ...] = "auto"
    name: str | None = Field(default=None, min_length=1, max_length=100)
    policy: float | str | None = None
    without_context: Literal["prompt", "large", "small", "raise"] = "prompt"
    timeout: float | None = Field(default=None, gt=0)
    max_cost: float | None = Field(default=None, gt=0)
    when_out: Literal["draft", "raise"] = "draft"
    serve: ServeSettings = ServeSettings()


_TABLES: dict[str, type[BaseModel]] = {"model": ModelSettings, "verify": CheckSettings, "serve": ServeSettings}


def read_cascade_file(path: Path) -> CascadeFile:
    """The configuration in `path`. Raises `ConfigError` that names the file, and the line where a setting is wrong."""
    try:
        text = read_text(path, _MOST_TOML)
    except DataError as error:
        raise ConfigError(str(error)) from None
    try:
        return CascadeFile.model_validate(tomllib.loads(text))
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        line = line_of(text, wrong["loc"])
        raise ConfigError(f"{path}{f', line {line}' if line else ''}: {_slip(error)}") from None
    except (ValueError, RecursionError) as error:  # no TOML, a number too long to read, brackets without end
        raise ConfigError(f"{path} is not TOML: {error}.") from None


def line_of(text: str, place: Sequence[str | int]) -> int | None:
    """The line of a setting: its name, behind the table it stands in and, for [[model]], which one. None if unknown."""
    wanted, seen = tuple(place), Counter[str]()
    here: tuple[str | int, ...] = ()
    nearest = None
    for number, line in enumerate(text.splitlines(), start=1):
        if array := re.match(r"\s*\[\[\s*([\w-]+)\s*\]\]", line):
            here = (array[1], seen[array[1]])
            seen[array[1]] += 1
        elif single := re.match(r"\s*\[\s*([\w-]+)\s*\]", line):
            here = (single[1],)
        elif (key := re.match(r"\s*([\w-]+)\s*=", line)) and (*here, key[1]) == wanted[: len(here) + 1]:
            return number
        if here and here == wanted[: len(here)] and nearest is None:
            nearest = number
    return nearest


def _slip(error: ValidationError) -> str:
    """The first thing wrong, and what was likely meant."""
    first = error.errors(include_url=False)[0]
    *table, name = map(str, first["loc"])
    field = ".".join([*table, name])
    if first["type"] == "extra_forbidden":
        if name in _MEANT:
            return f"{field}: {_MEANT[name]}."
        known = _TABLES.get(table[0], CascadeFile) if table else CascadeFile
        close = difflib.get_close_matches(name, known.model_fields, 1)
        return f"{field}: there is no such setting; {f'is {close[0]} meant' if close else 'known'}" + (
            "?" if close else f" are {', '.join(known.model_fields)}."
        )
    if field == "model":
        return "model: write [[model]], in double brackets, once for each model."
    return f"{field}: {first['msg'][0].lower()}{first['msg'][1:]}."

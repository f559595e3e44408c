"""Reading a `cascade.toml`: what is wrong in it is said in one sentence, with its line."""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path

from pydantic import BaseModel, ValidationError

from ..errors import ConfigError, DataError
from ..files import read_text
from .lines import line_of
from .settings import CascadeFile, CheckSettings, ModelSettings, ServeSettings

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

_TABLES: dict[str, type[BaseModel]] = {"model": ModelSettings, "verify": CheckSettings, "serve": ServeSettings}


def read_cascade_file(path: str | os.PathLike[str]) -> CascadeFile:
    """The configuration in `path`. Raises `ConfigError` that names the file, and the line where a setting is wrong."""
    path = Path(path)
    try:
        text = read_text(path, _MOST_TOML)
    except DataError as error:
        raise ConfigError(str(error)) from None
    try:
        return CascadeFile.model_validate(tomllib.loads(text)).read_from(path, text)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        line = line_of(text, wrong["loc"])
        raise ConfigError(f"{path}{f', line {line}' if line else ''}: {_slip(error)}") from None
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
        known = _TABLES.get(table[0], CascadeFile) if table else CascadeFile
        close = difflib.get_close_matches(name, known.model_fields, 1)
        return f"{field}: there is no such setting; {f'is {close[0]} meant' if close else 'known'}" + (
            "?" if close else f" are {', '.join(known.model_fields)}."
        )
    if field == "model":
        return "model: write [[model]], in double brackets, once for each model."
    return f"{field}: {first['msg'][0].lower()}{first['msg'][1:]}."

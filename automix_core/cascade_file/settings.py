"""What stands in a `cascade.toml`: models in order, prompt, checks, policy, limits, server.

One format for collecting, serving and Python. Each reads what concerns it and leaves the rest alone, so that one file
describes one cascade.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, PrivateAttr
from pydantic_core import PydanticCustomError

from ..checking.sampling import MaxTokens
from ..errors import AutoMixError, ConfigError
from .lines import line_of

EMBEDDED = "embedded:"
MOST_VERDICTS = 1000
MOST_WORKERS = 64
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


def _limit(value: Any) -> Any:
    if value == "auto" or value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise PydanticCustomError("limit", 'Input should be a whole number of 1 or more, or "auto"')


class CheckSettings(_Strict):
    """How drafts are checked: `k` verdicts each, `max_tokens` long at most ("auto": as `SelfVerifier` has it)."""

    k: int = Field(default=8, ge=1, le=MOST_VERDICTS)
    temperature: float | None = Field(default=1.0, ge=0)
    max_tokens: Annotated[MaxTokens, PlainValidator(_limit)] = "auto"


class ServeSettings(_Strict):
    """Where `automix serve` listens, and how much it takes in.

    `keys_file` holds the clients' keys, one a line; else they are in AUTOMIX_SERVE_KEYS, separated by commas.
    `most_bytes` is the largest body of a request, `per_minute` how many requests a key may send in a minute, `at_once`
    how many a worker works on at a time: one more is told to come again. `grace` is how many seconds a shutdown waits
    for answers that have begun, `workers` how many processes serve.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8321, ge=0, le=65535)
    keys_file: str | None = None
    most_bytes: int = Field(default=1_000_000, ge=1)
    per_minute: int | None = Field(default=None, ge=1)
    at_once: int = Field(default=64, ge=1)
    grace: float = Field(default=30.0, ge=0)
    workers: int = Field(default=1, ge=1, le=MOST_WORKERS)


class CascadeFile(_Strict):
    """A TOML configuration of one cascade: everything has a default but the models.

    `prompt`, `app`, `scorer`, `concurrency`, `texts` and `signals` are for collecting, the table [serve] for serving;
    `name` is what clients of a server ask for. The others are keywords of the cascade's constructor; `policy` is a
    saved one's path, seen from the file, or the least confidence to keep a draft.
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
    errands: Literal["large", "small"] = "large"
    structured_output: Literal["cascade", "large"] = "cascade"
    on_failure: Literal["next", "raise"] = "next"
    on_last_failure: Literal["raise", "draft"] = "raise"
    timeout: float | None = Field(default=None, gt=0)
    max_cost: float | None = Field(default=None, gt=0)
    when_out: Literal["draft", "raise"] = "draft"
    limiter: int | None = Field(default=None, ge=1)
    verify_concurrency: int = Field(default=8, ge=1)
    hedge: bool = False
    passage_budget: int | None = Field(default=None, ge=1)
    serve: ServeSettings = ServeSettings()
    _path: Path | None = PrivateAttr(default=None)
    _text: str = PrivateAttr(default="")

    def read_from(self, path: Path, text: str) -> CascadeFile:
        """This, knowing where it stands."""
        self._path, self._text = path, text
        return self

    @property
    def folder(self) -> Path:
        """Where the paths in it are seen from."""
        return Path() if self._path is None else self._path.parent

    def at(self, *place: str | int) -> str:
        """The file and, where it is known, the line of a setting: `cascade.toml, line 3`. Empty if made in Python."""
        if self._path is None:
            return ""
        line = line_of(self._text, place) if place else None
        return f"{self._path}, line {line}" if line else str(self._path)

    @contextmanager
    def blaming(self, *place: str | int) -> Iterator[None]:
        """Within, an error of AutoMix's is a `ConfigError` that says which line of the file is to blame."""
        try:
            yield
        except AutoMixError as error:
            said, where = str(error), self.at(*place)
            known = not where or (self._path is not None and said.startswith(f"{self._path}"))
            raise ConfigError(said if known else f"{where}: {said}") from error

"""A cascade built of its file: what a framework's constructor is given, and which line is to blame where it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ..endpoint.endpoint import Endpoint, parse_endpoint
from ..errors import AutoMixError, ConfigError, PolicyError
from ..policies.reloading import Reloading
from ..policies.threshold import Threshold
from .prices import price, prices_of
from .settings import EMBEDDED, CascadeFile, ModelSettings

T = TypeVar("T")

_PASSED = (
    *("without_context", "errands", "structured_output", "on_failure", "on_last_failure", "timeout", "max_cost"),
    *("when_out", "limiter", "verify_concurrency", "hedge", "passage_budget"),
)
"""Settings that are the constructor's keywords as they stand."""


def build(
    kind: Callable[..., T],
    file: CascadeFile,
    client: Callable[..., Any],
    verifier: Callable[..., Any],
    settings: Mapping[str, Any] | None = None,
    *,
    endpoint: Callable[[ModelSettings], Endpoint] | None = None,
) -> T:
    """A cascade of `kind`, made as `file` says; `settings` are the constructor's own and win.

    `client` makes a model of an endpoint, given the temperature and the length of its answers (None: the client's
    own), `verifier` what checks drafts. `endpoint` says where a model is reached. What the file does not set is left
    to the framework's defaults. Raises `ConfigError` that names the file, and the line where one is to blame.
    """
    if file.app is not None:
        with file.blaming("app"):
            raise ConfigError("app is for collecting; a cascade needs the url of each [[model]].")
    _check(file)
    given: dict[str, Any] = {name: getattr(file, name) for name in _PASSED if name in file.model_fields_set}
    with file.blaming("model", 0, "price"):
        if (prices := prices_of(file.model)) is not None:
            given["prices"] = list(prices)
    if file.policy is not None:
        with file.blaming("policy"):
            given["policy"] = _policy(file)
    checks = {name: getattr(file.verify, name) for name in ("k", *sorted(file.verify.model_fields_set - {"k"}))}
    given |= settings or {}
    if "verifier" not in given:
        with file.blaming("verify"):
            given["verifier"] = verifier(**checks)
    if "models" not in given:
        given["models"] = [_model(file, place, client, endpoint or reached) for place in range(len(file.model))]
    try:
        return kind(**given)
    except AutoMixError as error:
        with file.blaming(*_named(file, error)):
            raise


def reached(model: ModelSettings) -> Endpoint:
    """Where a model is reached that runs by itself. Raises `ConfigError` for an embedded one, which has to be run."""
    if model.url.startswith(EMBEDDED):
        raise ConfigError(
            f"{model.name} is embedded: only the command line runs such a model. Serve it (automix serve), or give "
            "the URL#MODEL of one that runs."
        )
    return parse_endpoint(model.url, model.name)


def _check(file: CascadeFile) -> None:
    """The models one by one, so that the line of the wrong one is named."""
    seen: set[str] = set()
    for place, model in enumerate(file.model):
        with file.blaming("model", place, "name"):
            if model.name in seen:
                raise ConfigError(f"Two models have the same name, {model.name}.")
        seen.add(model.name)
        with file.blaming("model", place, "url"):
            if not model.url:
                raise ConfigError(f"{model.name} has no url: where is it? Give URL#MODEL.")
        with file.blaming("model", place, "price"):
            if model.price is not None:
                price(model.name, model.price)
    with file.blaming():
        if len(file.model) < 2:
            raise ConfigError(
                f"A cascade needs two models or more, cheapest first; there are {len(file.model)}: give each a "
                "[[model]]."
            )


def _policy(file: CascadeFile) -> Any:
    return Threshold(file.policy) if isinstance(file.policy, float) else Reloading(file.folder / str(file.policy))


def _model(
    file: CascadeFile, place: int, client: Callable[..., Any], endpoint: Callable[[ModelSettings], Endpoint]
) -> Any:
    model = file.model[place]
    written = {name: getattr(model, name) for name in model.model_fields_set & {"temperature", "max_tokens"}}
    with file.blaming("model", place, "url"):
        return client(endpoint(model), **{"temperature": None, **written})


def _named(file: CascadeFile, error: AutoMixError) -> tuple[str, ...]:
    """The setting of the file that the constructor complains of."""
    words = re.findall(r"\w+", str(error))
    if isinstance(error, PolicyError):
        words.insert(0, "policy")
    return next(((word,) for word in words if word in file.model_fields_set), ())

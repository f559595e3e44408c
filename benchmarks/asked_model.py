"""The model that a benchmark asks: the embedded one, or the one that is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from automix_cli.engine.engine import embedded
from automix_core.endpoint.endpoint import Endpoint, parse_endpoint


@contextmanager
def asked_model(given: str | None, name: str, **settings: Any) -> Iterator[Endpoint]:
    """Where the model at `given` (URL#MODEL) is, or the embedded model `name`, its engine started with `settings`."""
    if given:
        yield parse_endpoint(given, "small")
        return
    with embedded([name], **settings) as (engine,):
        yield engine.endpoint

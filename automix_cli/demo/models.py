"""The two models of the demo: the embedded pair, or whatever is given as `URL#model`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from automix_core.errors import ModelError

if TYPE_CHECKING:
    from automix_core.endpoint.endpoint import Endpoint

    from ..progress import Progress

ROLES = ("small", "large")
PATIENCE = 120.0
"""Seconds for the first token: a server may have to load the model."""


@dataclass(frozen=True, slots=True)
class Models:
    """Which two models to use: an endpoint where one is given as `URL#model`, else the embedded pair's."""

    small: str | None = None
    large: str | None = None
    tiny: bool = False
    weights: Path | None = None
    yes: bool = False

    @property
    def embedded(self) -> list[bool]:
        """For each model whether it is one of ours."""
        return [self.small is None, self.large is None]

    @contextmanager
    def open(self, progress: Progress) -> Iterator[list[Endpoint]]:
        """Both endpoints, served for the time of the block where they are embedded, tried once where they are not.

        Raises `ConfigError` for a bad `URL#model`, `EngineError` where an embedded model can't be had, `ModelError`
        where an endpoint does not answer.
        """
        from automix_core.endpoint.endpoint import parse_endpoint

        from ..engine.engine import embedded
        from ..weights import DEFAULT_PAIR, TINY_PAIR, asking

        given = dict(zip(ROLES, (self.small, self.large), strict=True))
        own = {role: parse_endpoint(url, role) for role, url in given.items() if url is not None}
        for role, endpoint in own.items():
            with progress.waiting(f"trying {endpoint.model}"):
                attempt(endpoint, role)
        pair = dict(zip(ROLES, TINY_PAIR if self.tiny else DEFAULT_PAIR, strict=True))
        served = [role for role in ROLES if role not in own]
        names, slots = [pair[role] for role in served], [8 if role == "small" else 2 for role in served]
        agree = asking(self.yes)
        with embedded(names, folder=self.weights, progress=progress, slots=slots, agree=agree) as engines:
            found = own | {role: engine.endpoint for role, engine in zip(served, engines, strict=True)}
            try:
                yield [found[role] for role in ROLES]
            except Exception:
                for engine in engines:
                    engine.check()  # a server that died has more to say than the request that met it
                raise


def attempt(endpoint: Endpoint, role: str) -> None:
    """Ask for one token, so that what is wrong with an endpoint is said before the first question.

    A 400 or 422 passes: some servers refuse so small a request. Raises `ModelError`, one sentence without the key.
    """
    body = {"model": endpoint.model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
    headers = {"Authorization": f"Bearer {endpoint.api_key}"}
    try:
        with httpx.Client(timeout=PATIENCE, trust_env=not endpoint.loopback) as client:
            reply = client.post(f"{endpoint.base_url}/chat/completions", json=body, headers=headers)
        if reply.status_code == 200:
            reply.json()["choices"][0]
        problem = "" if reply.status_code in (200, 400, 422) else refusal(reply.status_code, endpoint, role)
    except httpx.TimeoutException:
        problem = f"{endpoint.base_url} has not answered for {PATIENCE:.0f} seconds; it may be loading {endpoint.model}"
    except httpx.TransportError as error:
        problem = f"nothing answers at {endpoint.base_url} ({type(error).__name__}); start the server or fix the URL"
    except (ValueError, LookupError, TypeError):
        problem = f"{endpoint.base_url} gives no chat completions; an OpenAI-compatible URL mostly ends in /v1"
    if problem:
        raise ModelError(f"--{role}: {problem}.")


def refusal(status: int, endpoint: Endpoint, role: str) -> str:
    """What an HTTP status means for somebody who has just typed `URL#model`."""
    from automix_core.endpoint.endpoint import key_variable

    if status in (401, 403):
        return (
            f"{endpoint.base_url} refuses the key ({status}); set {key_variable(role)} or OPENAI_API_KEY to one that "
            f"is valid there"
        )
    if status == 404:
        return f"{endpoint.base_url} has no model {endpoint.model!r} (404); fix the name after # or the URL's path"
    if status == 429:
        return f"{endpoint.base_url} takes no more requests for now (429); wait, or look whether the account has credit"
    return f"{endpoint.base_url} fails with HTTP status {status}; look into that server's log"

"""Calls to OpenAI-compatible endpoints: limited, retried, journalled, never showing a key."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import httpx

from automix_cli.collect.journal import Journal, Paid, key
from automix_cli.endpoint.endpoint import Endpoint
from automix_core.errors import ConfigError

_ATTEMPTS = 6
_LONGEST_WAIT = 60.0
_TIMEOUT = 300.0
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})

Message = Mapping[str, str]


class CallError(Exception):
    """A call that failed for good: what the server said, without the key."""


class Calls:
    """Chat completions of several endpoints, `limit` at a time, each paid for once.

    `names` say in the journal who answered: an embedded model's address is another at each start.
    `paid` and `found` count requests sent and requests taken from the journal; `answered` is called after each.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        names: Sequence[str],
        journal: Journal,
        limit: int,
        answered: Callable[[], None],
    ) -> None:
        self._names = names
        self._endpoints, self._journal, self._answered = endpoints, journal, answered
        self._slots = asyncio.Semaphore(limit)
        self._clients: list[httpx.AsyncClient] = []
        self._stack = AsyncExitStack()
        self._refuses_temperature: set[int] = set()
        self._waits = random.Random()
        self.paid = self.found = 0

    async def __aenter__(self) -> Self:
        """Open the connections; on this computer a proxy of the environment is not used.

        Raises `ConfigError` where a URL, or a proxy or certificate file of the environment, can't be used.
        """
        for endpoint in self._endpoints:
            self._clients.append(await self._stack.enter_async_context(_client(endpoint)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._stack.__aexit__(kind, error, trace)

    async def complete(
        self,
        model: int,
        messages: Sequence[Message],
        *,
        temperature: float | None,
        max_tokens: int | None,
        n: int = 1,
        place: int = 0,
    ) -> Paid:
        """`n` choices for `messages`; the server may give fewer. `place` tells equal requests apart.

        Raises `CallError` once the server has refused for good, `DataError` if the journal can't be written.
        """
        body: dict[str, Any] = {"model": self._endpoints[model].model, "messages": [dict(m) for m in messages]}
        body |= {
            name: value
            for name, value in (("temperature", temperature), ("max_tokens", max_tokens))
            if value is not None
        }
        body |= {"n": n} if n > 1 else {}
        name = key({"url": self._names[model], **body}, place)
        paid = self._journal.find(name)
        if paid is None:
            async with self._slots:
                paid = await self._pay(model, body)
            self._journal.keep(name, paid)
            self.paid += 1
        else:
            self.found += 1
        self._answered()
        return paid

    async def _pay(self, model: int, body: dict[str, Any]) -> Paid:
        for attempt in range(_ATTEMPTS):
            sent = {k: v for k, v in body.items() if k != "temperature" or model not in self._refuses_temperature}
            try:
                reply = await self._clients[model].post("chat/completions", json=sent)
            except httpx.RequestError as error:
                problem, wait = f"{type(error).__name__} at {self._endpoints[model].base_url}", None
            except (httpx.InvalidURL, UnicodeError) as error:  # a host that no name server could be asked about
                raise CallError(f"{self._endpoints[model].base_url} can't be reached: {error}") from None
            else:
                if reply.status_code == 200:
                    return self._read(model, reply)
                if reply.status_code == 400 and "temperature" in sent and "temperature" in reply.text.lower():
                    self._refuses_temperature.add(model)
                    continue
                problem, wait = self._said(model, reply), reply.headers.get("retry-after")
                if reply.status_code not in _AGAIN:
                    break
            if attempt < _ATTEMPTS - 1:
                await asyncio.sleep(self._pause(attempt, wait))
        raise CallError(problem)

    def _pause(self, attempt: int, asked: str | None) -> float:
        """What the server asked for, else twice as long each time, spread so that callers don't return together."""
        try:
            wanted = float(asked) if asked is not None else 0.5 * 2**attempt * self._waits.uniform(0.5, 1.5)
        except ValueError:
            wanted = 0.5 * 2**attempt
        return min(max(0.0, wanted), _LONGEST_WAIT)  # in this order not a number is 0

    def _read(self, model: int, reply: httpx.Response) -> Paid:
        try:
            data = reply.json()
            choices = data["choices"]
            texts = tuple(_whole(choice["message"].get("content") or "") for choice in choices)
            usage = _object(data.get("usage"))
            details = _object(usage.get("prompt_tokens_details"))
            return Paid(
                texts,
                tuple(choice.get("finish_reason") and str(choice["finish_reason"]) for choice in choices),
                _count(usage.get("prompt_tokens")),
                _count(usage.get("completion_tokens")),
                _count(details.get("cached_tokens")) or 0,
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            where = self._endpoints[model].base_url
            raise CallError(f"{where} answered with something that is no chat completion") from None

    def _said(self, model: int, reply: httpx.Response) -> str:
        """The server's words, shortened, with the key hidden in case it echoes it."""
        endpoint = self._endpoints[model]
        text = " ".join(reply.text.split()).replace(endpoint.api_key, "***")[:200]
        return f"{endpoint.base_url} answered {reply.status_code}: {text}"


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _client(endpoint: Endpoint) -> httpx.AsyncClient:
    try:
        return httpx.AsyncClient(
            base_url=endpoint.base_url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {endpoint.api_key}"},
            timeout=_TIMEOUT,
            trust_env=not endpoint.loopback,
        )
    except (httpx.InvalidURL, ValueError, ImportError, OSError) as error:
        why = error if isinstance(error, ImportError | OSError) else type(error).__name__  # a proxy's may quote its key
        raise ConfigError(
            f"No client can be made for {endpoint.base_url} ({why}); look at the URL, the proxy variables of the "
            "environment and SSL_CERT_FILE."
        ) from None


def _count(tokens: object) -> int | None:
    """The number of tokens, if it is one that can be meant."""
    return int(tokens) if isinstance(tokens, int | float) and 0 <= tokens <= 10**12 else None


def _whole(text: str) -> str:
    """`text` without half characters, which some servers send and no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")

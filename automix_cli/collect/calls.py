"""Calls to OpenAI-compatible endpoints: limited, retried, journalled, never showing a key."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Any, Self

import httpx

from automix_cli.collect.cluster import Cluster, OnCluster
from automix_cli.collect.journal import Journal, Paid, key
from automix_cli.collect.refusals import learned, without_logprobs, worded
from automix_cli.collect.retrying import LONGEST, BusyError, Course, asked_pause
from automix_cli.collect.system import CallError
from automix_core.checking.refusal import Memory
from automix_core.endpoint.endpoint import Endpoint
from automix_core.errors import ConfigError
from automix_core.evidence.asking import DRAFT_ALTERNATIVES
from automix_core.evidence.reported import reported_tokens

_TIMEOUT = 300.0
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_WORTH_A_WORD = 5.0
"""Seconds of waiting that are told."""

_THOUGHTS = frozenset({"thinking", "reasoning"})

Message = Mapping[str, str]


class Calls:
    """Chat completions of several endpoints, `limit` at a time, each paid for once.

    `names` say in the journal who answered: an embedded model's address is another at each start.
    `paid` and `found` count requests sent and requests taken from the journal; `answered` is called after each, `note`
    with a sentence where a server asks for a longer pause or refuses a setting. `over`, once set, says why nothing more
    is to be sent. With a `cluster` its workers send the requests, still `limit` at a time in all.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        names: Sequence[str],
        journal: Journal,
        limit: int,
        answered: Callable[[], None],
        note: Callable[[str], None] = lambda _text: None,
        cluster: Cluster | None = None,
    ) -> None:
        self._cluster = cluster
        self._names = names
        self._endpoints, self._journal, self._answered, self._note = endpoints, journal, answered, note
        self._slots = asyncio.Semaphore(limit)
        self._alike: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._clients: list[httpx.AsyncClient] = []
        self._stack = AsyncExitStack()
        self._memories = [Memory() for _ in endpoints]
        self._silent_until = [0.0] * len(endpoints)
        self.paid = self.found = 0
        self.over = ""

    async def __aenter__(self) -> Self:
        """Open the connections; on this computer a proxy of the environment is not used.

        Raises `ConfigError` where a URL, or a proxy or certificate file of the environment, can't be used.
        """
        if self._cluster is not None:
            await self._stack.enter_async_context(self._cluster)
        for endpoint in self._endpoints:
            client = _client(endpoint, self._cluster)
            self._clients.append(await self._stack.enter_async_context(client))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._stack.__aexit__(kind, error, trace)

    def known(self, model: int, messages: Sequence[Message], nth: int = 0, **settings: Any) -> bool:
        """Whether `complete` would take the answer from the journal."""
        return (
            self._journal.find(key(self._request(self._body(model, messages, **settings), model, nth), 0)) is not None
        )

    async def complete(
        self,
        model: int,
        messages: Sequence[Message],
        *,
        temperature: float | None,
        max_tokens: int | None,
        n: int = 1,
        place: int = 0,
        nth: int = 0,
        logprobs: bool = False,
    ) -> Paid:
        """`n` choices for `messages`; the server may give fewer. `place` and `nth` tell equal requests apart: the
        first within a question, the second among questions alike. With `logprobs` the tokens' log-probabilities are
        asked for, too; a server that refuses them, or gives none, is not asked for them again.

        Raises `CallError` once the server has refused for good, `DataError` if the journal can't be written.
        """
        body = self._body(model, messages, temperature=temperature, max_tokens=max_tokens, n=n, logprobs=logprobs)
        name = key(self._request(body, model, nth), place)
        async with self._alike[name]:  # two models may be one: the second finds what the first has paid for
            paid = self._journal.find(name)
            if paid is None:
                paid = await self._pay(model, body)
                self._journal.keep(name, paid)
                self.paid += 1
            else:
                self.found += 1
        self._answered()
        return paid

    def _body(
        self,
        model: int,
        messages: Sequence[Message],
        *,
        temperature: float | None,
        max_tokens: int | None,
        n: int = 1,
        logprobs: bool = False,
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self._endpoints[model].model, "messages": [dict(m) for m in messages]}
        settings: dict[str, Any] = {"temperature": temperature, "max_tokens": max_tokens, "n": n if n > 1 else None}
        settings |= {"logprobs": True, "top_logprobs": DRAFT_ALTERNATIVES} if logprobs else {}
        return body | {name: value for name, value in settings.items() if value is not None}

    def _request(self, body: dict[str, Any], model: int, nth: int) -> dict[str, Any]:
        """What identifies a request in the journal."""
        return {"url": self._names[model], **body} | ({"nth": nth} if nth else {})

    async def _pay(self, model: int, body: dict[str, Any]) -> Paid:
        course = Course()
        try:
            async for attempt in course.retrying():
                with attempt:
                    try:
                        return await self._send(model, body)
                    except BusyError as again:
                        course.note(again)
                        self._hold(model, again)
                        raise
        except BusyError as again:
            wait = "" if again.asked is None else f", and asks to wait {again.asked:.0f} s"
            raise CallError(f"{again}{wait}") from None
        raise AssertionError("the last try returns or raises")

    async def _send(self, model: int, body: dict[str, Any], once: frozenset[str] = frozenset()) -> Paid:
        """Send it once, when the server wants to hear of us and one of the slots is free.

        What it refuses is left out of a repetition, and of all later requests unless only this one was too long.
        """
        memory = self._memories[model]
        url = self._endpoints[model].base_url
        while (left := self._silent_until[model] - time.monotonic()) > 0:  # noqa: ASYNC110 - it may be put off again
            await asyncio.sleep(left)
        async with self._slots:
            if self.over:
                raise CallError(self.over)
            sent = worded(body, memory, once)
            if "n" in body and "n" not in sent:
                raise CallError(f"{url} gives one reply a request", 400)
            started = time.monotonic()
            try:
                reply = await self._clients[model].post("chat/completions", json=sent)
            except httpx.RequestError as error:
                heavy = isinstance(error, httpx.ReadTimeout)  # it has had its time already
                raise BusyError(f"{type(error).__name__} at {url}", weight=3 if heavy else 1) from None
            except (httpx.InvalidURL, UnicodeError) as error:  # a host that no name server could be asked about
                raise CallError(f"{url} can't be reached: {error}") from None
        if reply.status_code == 200:
            paid = self._read(model, reply, round(time.monotonic() - started, 3))
            if "logprobs" in sent and paid.texts and paid.texts[0].strip() and not reported_tokens(paid.logprobs):
                without_logprobs(memory, partial(self._tell, url))
            return paid
        told = partial(self._tell, url)
        passing = learned(memory, sent, reply.status_code, reply.text, told)
        if passing is not None and "n" not in sent.keys() & memory.refused:
            return await self._send(model, body, once | passing)
        problem = self._said(model, reply)
        if reply.status_code in _AGAIN:
            raise BusyError(problem, asked_pause(reply.headers))
        raise CallError(problem, reply.status_code)

    def _tell(self, url: str, what: str) -> None:
        self._note(f"{url} {what}")

    def _hold(self, model: int, again: BusyError) -> None:
        """Send this server nothing for as long as it asks."""
        if not again.asked or again.asked > LONGEST:
            return
        now = time.monotonic()
        if again.asked >= _WORTH_A_WORD and self._silent_until[model] <= now:
            self._note(f"{self._endpoints[model].base_url} asks to wait {again.asked:.0f} s")
        self._silent_until[model] = max(self._silent_until[model], now + again.asked)

    def _read(self, model: int, reply: httpx.Response, seconds: float) -> Paid:
        try:
            data = reply.json()
            choices = data["choices"]
            texts = tuple(_whole(_text(choice["message"].get("content"))) for choice in choices)
            usage = _object(data.get("usage"))
            details = _object(usage.get("prompt_tokens_details"))
            return Paid(
                texts,
                tuple(choice.get("finish_reason") and str(choice["finish_reason"]) for choice in choices),
                _count(usage.get("prompt_tokens")),
                _count(usage.get("completion_tokens")),
                _count(details.get("cached_tokens")) or 0,
                seconds,
                logprobs=choices[0].get("logprobs") if choices else None,
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            where = self._endpoints[model].base_url
            raise CallError(f"{where} answered with something that is no chat completion") from None

    def _said(self, model: int, reply: httpx.Response) -> str:
        """The server's words, shortened, with the key hidden in case it echoes it."""
        endpoint = self._endpoints[model]
        text = " ".join(reply.text.split()).replace(endpoint.api_key, "***")[:200]
        return f"{endpoint.base_url} answered {reply.status_code}: {text}"


def _text(content: Any) -> str:
    """The text of a message. Some reasoning models send parts: the thoughts are left out.

    Raises `TypeError` for what is neither text nor parts.
    """
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise TypeError(content)
    parts = (
        part if isinstance(part, str) else part.get("type") not in _THOUGHTS and part.get("text") for part in content
    )
    return "".join(part for part in parts if isinstance(part, str))


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _client(endpoint: Endpoint, cluster: Cluster | None) -> httpx.AsyncClient:
    try:
        return httpx.AsyncClient(
            base_url=endpoint.base_url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {endpoint.api_key}"},
            timeout=_TIMEOUT,
            trust_env=not endpoint.loopback,
            transport=None if cluster is None else OnCluster(cluster, not endpoint.loopback),
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

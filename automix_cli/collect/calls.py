"""Calls to OpenAI-compatible endpoints: limited, retried, journalled, never showing a key."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Any, Self

import httpx

from automix_cli.collect.cluster import Cluster, OnCluster
from automix_cli.collect.journal import Journal, Paid, key
from automix_cli.collect.refusals import Notes
from automix_cli.collect.retrying import AGAIN, LONGEST, BusyError, Course, asked_pause
from automix_cli.collect.system import CallError
from automix_core.checking.drawing import adraw
from automix_core.checking.refusal import LIMITS, Memory, refused
from automix_core.checking.sampling import Choices, Got, Terms, Wanted
from automix_core.checking.thoughts import final_text
from automix_core.checking.turns import without_system
from automix_core.endpoint.endpoint import Endpoint
from automix_core.errors import ConfigError
from automix_core.evidence.asking import DRAFT_ALTERNATIVES
from automix_core.evidence.reported import reported_tokens

_TIMEOUT = 300.0
MOST_CHOICES = 128
"""The most choices that servers give in one request (OpenAI's limit)."""
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
        self._memories, self._notes = [Memory() for _ in endpoints], Notes(note)
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
        """Whether `draw` would take the only reply from the journal."""
        body = self._body(model, messages, self._terms(model, **settings), 1)
        return self._journal.find(key(self._request(body, model, nth), 0)) is not None

    async def draw(
        self,
        k: int,
        model: int,
        messages: Sequence[Message],
        *,
        temperature: float | None,
        max_tokens: int | None,
        logprobs: bool = False,
        nth: int = 0,
    ) -> list[Paid]:
        """The requests of `k` replies to `messages`, which may give fewer; `nth` tells prompts alike apart.

        With `logprobs` the tokens' log-probabilities are asked for, too. What a server refuses, or doesn't give, it is
        not asked for again. Raises `CallError` once the server has refused for good, `DataError` if the journal can't
        be written.
        """
        terms = self._terms(model, temperature, max_tokens, logprobs)
        drawn: list[Paid] = []
        several, single = 0, int(k > 1)  # places: the request for several, and those for what is missing, after it

        async def send(wanted: Wanted) -> Got:
            nonlocal single
            begin, once = several if wanted.n > 1 else single, partial(self._once, model, messages, terms, wanted, nth)
            got = await asyncio.gather(*(_tried(partial(once, begin + i)) for i in range(wanted.requests)))
            paid = [item for item in got if isinstance(item, Paid)]
            single += len(paid) if wanted.n == 1 else 0
            drawn.extend(paid)
            return [Choices(item.texts, item.finish) if isinstance(item, Paid) else item for item in got]

        for first in range(0, k, MOST_CHOICES):
            n = min(MOST_CHOICES, k - first)
            sample = await adraw(n, terms, self._memories[model], send, self._notes.refused)
            if sample.errors:
                raise sample.errors[0]
            several, single = single, single + 1
        return drawn

    def _terms(self, model: int, temperature: float | None, max_tokens: int | None, logprobs: bool = False) -> Terms:
        return Terms(
            temperature,
            max_tokens,
            choices=True,
            limit_names=LIMITS,
            tries_names=True,
            model=self._endpoints[model].base_url,
            logprobs=DRAFT_ALTERNATIVES if logprobs else 0,
        )

    async def _once(
        self, model: int, messages: Sequence[Message], terms: Terms, wanted: Wanted, nth: int, place: int
    ) -> Paid:
        """One request, from the journal if it was paid for. There it is known by what was first asked for, whatever the
        server refuses of that; `place` tells requests alike of one prompt apart.
        """
        name = key(self._request(self._body(model, messages, terms, wanted.n), model, nth), place)
        async with self._alike[name]:  # two models may be one: the second finds what the first has paid for
            paid = self._journal.find(name)
            if paid is None:
                paid = await self._pay(model, messages, wanted)
                self._journal.keep(name, paid)
                self.paid += 1
            else:
                self.found += 1
        self._answered()
        return paid

    def _body(self, model: int, messages: Sequence[Message], terms: Terms, n: int) -> dict[str, Any]:
        """The request with nothing left out."""
        asked = {
            "temperature": terms.temperature,
            "max_tokens": terms.max_tokens,
            "logprobs": terms.logprobs or None,
        }
        return self._sent(model, messages, Wanted(1, n, {k: v for k, v in asked.items() if v is not None}))

    def _sent(self, model: int, messages: Sequence[Message], wanted: Wanted) -> dict[str, Any]:
        """The request as it goes out."""
        settings: dict[str, Any] = {**wanted.settings} | ({"n": wanted.n} if wanted.n > 1 else {})
        if "logprobs" in settings:
            settings |= {"logprobs": True, "top_logprobs": settings["logprobs"]}
        shown = [dict(message) for message in messages]
        if not wanted.system:
            turns: list[Any] = [(message["role"], message["content"]) for message in messages]
            shown = [{"role": role, "content": text} for role, text in without_system(turns)]
        return {"model": self._endpoints[model].model, "messages": shown, **settings}

    def _request(self, body: dict[str, Any], model: int, nth: int) -> dict[str, Any]:
        """What identifies a request in the journal."""
        return {"url": self._names[model], **body} | ({"nth": nth} if nth else {})

    async def _pay(self, model: int, messages: Sequence[Message], wanted: Wanted) -> Paid:
        course = Course()
        try:
            async for attempt in course.retrying():
                with attempt:
                    try:
                        return await self._send(model, self._sent(model, messages, wanted), wanted)
                    except BusyError as again:
                        course.note(again)
                        self._hold(model, again)
                        raise
        except BusyError as again:
            wait = "" if again.asked is None else f", and asks to wait {again.asked:.0f} s"
            raise CallError(f"{again}{wait}") from None
        raise AssertionError("the last try returns or raises")

    async def _send(self, model: int, body: dict[str, Any], wanted: Wanted) -> Paid:
        """Send it once, when the server wants to hear of us and one of the slots is free."""
        url = self._endpoints[model].base_url
        while (left := self._silent_until[model] - time.monotonic()) > 0:  # noqa: ASYNC110 - it may be put off again
            await asyncio.sleep(left)
        async with self._slots:
            if self.over:
                raise CallError(self.over)
            started = time.monotonic()
            try:
                reply = await self._clients[model].post("chat/completions", json=body)
            except httpx.RequestError as error:
                heavy = isinstance(error, httpx.ReadTimeout)  # it has had its time already
                raise BusyError(f"{type(error).__name__} at {url}", weight=3 if heavy else 1) from None
            except (httpx.InvalidURL, UnicodeError) as error:  # a host that no name server could be asked about
                raise CallError(f"{url} can't be reached: {error}") from None
        if reply.status_code == 200:
            paid = self._read(model, reply, round(time.monotonic() - started, 3))
            if "logprobs" in body and paid.texts and paid.texts[0].strip() and not reported_tokens(paid.logprobs):
                self._notes.untold(self._memories[model], url)
            return paid
        failed = CallError(self._said(model, reply), reply.status_code, reply.text)
        if reply.status_code in AGAIN and not refused(failed, wanted.sent):
            raise BusyError(str(failed), asked_pause(reply.headers))
        raise failed

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
            messages = [choice["message"] for choice in choices]
            texts = tuple(_whole(_text(message.get("content"))) for message in messages)
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
                thought=any(map(_thought, messages)) or _thoughts_counted(usage),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            where = self._endpoints[model].base_url
            raise CallError(f"{where} answered with something that is no chat completion") from None

    def _said(self, model: int, reply: httpx.Response) -> str:
        """The server's words, shortened, with the key hidden in case it echoes it."""
        endpoint = self._endpoints[model]
        text = " ".join(reply.text.split()).replace(endpoint.api_key, "***")[:200]
        return f"{endpoint.base_url} answered {reply.status_code}: {text}"


async def _tried(ask: Callable[[], Awaitable[Paid]]) -> Paid | CallError:
    try:
        return await ask()
    except CallError as error:
        return error


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


def _thought(message: Mapping[str, Any]) -> bool:
    """Whether a message bears thoughts: beside its text, among its parts, or between marks in the text."""
    content = message.get("content")
    if message.get("reasoning_content") or message.get("reasoning"):
        return True
    if isinstance(content, list):
        return any(isinstance(part, Mapping) and part.get("type") in _THOUGHTS for part in content)
    return isinstance(content, str) and final_text(content) != content.strip()


def _thoughts_counted(usage: Mapping[str, Any]) -> bool:
    return bool(_count(_object(usage.get("completion_tokens_details")).get("reasoning_tokens")))


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

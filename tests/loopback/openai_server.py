"""An OpenAI-compatible server on 127.0.0.1: it speaks the whole wire format and keeps the bill.

    with OpenAIServer() as server:
        server.say("small", "A draft.")
        server.verdicts("Verdict: correct")
        model = ChatOpenAI(model="small", base_url=server.url, api_key="none")

What nobody scripted is made up: tool calls and JSON from their schemas, else a sentence that names the model. A plain
string is prose: a request that demands a tool call or JSON is covered by a `Reply` only.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from . import wire
from .http import Handler, LoopbackServer
from .reply import Reply
from .request import Request
from .schema import keys_asked_for, synthesise

Answer = str | Reply
Script = Answer | list[Answer] | Callable[[Request], Answer | None]
When = str | Callable[[Request], bool] | None

SHUTTING_DOWN = 0.01  # seconds between looks at a client that waits


@dataclass(frozen=True)
class Bill:
    """What one answered request costs, whatever was reported to the client."""

    model: str
    input_tokens: int
    output_tokens: int
    n: int
    streamed: bool
    verdict: bool


@dataclass(frozen=True)
class Quirks:
    """How one model departs from OpenAI's own server.

    `max_choices` gives fewer choices than asked for (1 ignores n); `usage_of_one_choice` reports one choice of n, as
    llama.cpp does, though all are billed; `refuse_temperature` and `refuse_logprobs` answer 400 to a request that
    carries them, `no_logprobs` answers as if they were not asked for.
    """

    max_choices: int | None = None
    usage_of_one_choice: bool = False
    refuse_temperature: bool = False
    refuse_logprobs: bool = False
    no_logprobs: bool = False


class _Rule:
    def __init__(self, model: str | None, when: When, script: Script, times: int | None, cycle: bool) -> None:
        self.model, self.when, self.script, self.left, self.cycle = model, when, script, times, cycle
        self.used = 0

    def fits(self, request: Request) -> bool:
        if self.left == 0 or self.model not in (None, request.model):
            return False
        if callable(self.when):
            return self.when(request)
        return self.when is None or self.when in request.text

    def spend(self) -> Answer | None:
        """The next scripted answer; None where a callable has to be asked."""
        script = self.script
        if callable(script):
            return None
        used, self.used = self.used, self.used + 1
        if self.left is not None:
            self.left -= 1
        if isinstance(script, list):
            return script[used % len(script) if self.cycle else min(used, len(script) - 1)]
        return script


class OpenAIServer(LoopbackServer):
    """The server; `requests` are all bodies in order of arrival, `billed` the ledger, `peak` the most at one time."""

    def __init__(self, listener: socket.socket | None = None) -> None:
        super().__init__(listener)
        self.requests: list[Request] = []
        self.billed: list[Bill] = []
        self.quirks: dict[str, Quirks] = {}
        self.peak = 0
        self.disconnects = 0
        self._inside: set[int] = set()
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()

    # Scripting: the newest rule that fits answers.

    @property
    def url(self) -> str:
        """The base URL for clients."""
        return f"{self.root}/v1"

    def say(self, model: str | None, *script: Any, when: When = None, times: int | None = None) -> None:
        """`model` (None: every model) answers with `script`: one answer, a callable, or several used in turn, the last
        again and again. `when` is a part of the prompt or a predicate. Verdict requests have their own `verdicts`."""

        def fits(request: Request) -> bool:
            if callable(when):
                return when(request)
            return not request.asks_for_verdict and (when is None or when in request.text)

        self._add(_Rule(model, fits, script[0] if len(script) == 1 else list(script), times, cycle=False))

    def verdicts(self, *script: Any, model: str | None = None, times: int | None = None) -> None:
        """Verification requests are answered with `script`, a choice each, over and over."""
        rule = script[0] if len(script) == 1 else list(script)
        self._add(_Rule(model, lambda request: request.asks_for_verdict, rule, times, cycle=True))

    def fail(self, model: str | None, reply: Reply, when: When = None, times: int | None = None) -> None:
        """Requests to `model` meet a fault, verdict requests too."""
        self._add(_Rule(model, when, reply, times, cycle=False))

    def _add(self, rule: _Rule) -> None:
        with self._lock:
            self._rules.insert(0, rule)

    # Reading what happened.

    def calls(self, model: str | None = None, verdict: bool | None = None) -> list[Request]:
        """The requests of `model`, verdict requests or the others if asked."""
        with self._lock:
            return [
                request
                for request in self.requests
                if model in (None, request.model) and verdict in (None, request.asks_for_verdict)
            ]

    def tokens(self, model: str | None = None) -> tuple[int, int]:
        """Input and output tokens billed so far."""
        with self._lock:
            bills = [bill for bill in self.billed if model in (None, bill.model)]
        return sum(bill.input_tokens for bill in bills), sum(bill.output_tokens for bill in bills)

    def clear(self) -> None:
        """Forget requests, bills, peak and disconnects; rules stay."""
        with self._lock:
            self.requests.clear()
            self.billed.clear()
            self.peak, self.disconnects = self.in_flight, 0

    # Answering.

    @property
    def in_flight(self) -> int:
        """How many requests are being answered."""
        return len(self._inside)

    def handle(self, http: Handler, method: str, path: str, body: bytes) -> None:
        if method == "GET" and path.endswith("/models"):
            http.send(200, json.dumps({"object": "list", "data": []}).encode())
            return
        if not path.endswith("/completions"):
            http.send(404, wire.error(f"no such path: {path}", 404))
            return
        headers = {name.lower(): value for name, value in http.headers.items()}
        request = Request(path, json.loads(body), headers)
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
            self._inside.add(id(request))
            self.peak = max(self.peak, self.in_flight)
        try:
            self._answer(http, request, number)
        finally:
            self._leaves(request)

    def _leaves(self, request: Request) -> None:
        """No longer in flight: said before the last bytes go, as the client may be quicker than this thread."""
        with self._lock:
            self._inside.discard(id(request))

    def hung_up(self, http: Handler) -> None:
        with self._lock:
            self.disconnects += 1

    def _answer(self, http: Handler, request: Request, number: int) -> None:
        quirks = self.quirks.get(request.model, Quirks())
        if quirks.refuse_temperature and request.body.get("temperature") is not None:
            message = "Unsupported value: 'temperature' is not supported with this model."
            http.send(400, wire.error(message, 400, param="temperature", code="unsupported_value"))
            return
        if quirks.refuse_logprobs and request.body.get("logprobs"):
            http.send(400, wire.error("This model does not support logprobs.", 400, param="logprobs"))
            return
        if quirks.no_logprobs:
            request = replace(request, body={**request.body, "logprobs": None})
        choices = min(request.n, quirks.max_choices or request.n)
        replies = [self._reply(request) for _ in range(choices)]
        first = replies[0]
        if first.delay and not self._wait(http, first.delay):
            return
        if first.faulty:
            if first.reset:
                http.reset()
            else:
                http.send(first.status, first.body or wire.error(first.error, first.status), dict(first.headers))
            return
        prompt = first.input_tokens if first.input_tokens is not None else request.input_tokens
        counts = [wire.output_tokens(reply) for reply in replies]
        reported = counts[0] if quirks.usage_of_one_choice else sum(counts)
        spent = wire.usage(prompt, reported, replies) if first.usage else None
        bill = Bill(request.model, prompt, sum(counts), choices, request.streams, request.asks_for_verdict)
        if request.streams:
            self._stream(http, request, replies, number, bill, spent)
            return
        self._bill(bill)
        self._leaves(request)
        http.send(200, json.dumps(wire.whole(request, replies, number, spent)).encode(), dict(first.headers))

    def _stream(
        self, http: Handler, request: Request, replies: list[Reply], number: int, bill: Bill, spent: wire.Json | None
    ) -> None:
        promised = {} if replies[0].cut_after is None else {"Content-Length": "1000000"}  # more than ever comes
        http.begin(200, {"Content-Type": "text/event-stream", **promised, **replies[0].headers})
        self._bill(bill)
        sent = 0
        for index, chunk, has_piece in wire.deltas(request, replies, number):
            reply = replies[index]
            if has_piece and sent:
                if reply.pause and not self._wait(http, reply.pause):
                    return
                if reply.gate is not None and not reply.gate.wait(http.client_left):
                    self.hung_up(http)
                    return
            if reply.cut_after is not None and has_piece and sent >= reply.cut_after:
                return
            if has_piece:
                sent += 1
                if reply.gate is not None:
                    reply.gate.sent = sent  # before the write: the client may be quicker than this thread
            http.wfile.write(wire.event(chunk))
        if spent is not None and (request.body.get("stream_options") or {}).get("include_usage"):
            http.wfile.write(wire.event(wire.closing(request, number, spent)))
        self._leaves(request)
        http.wfile.write(wire.event("[DONE]"))

    def _wait(self, http: Handler, seconds: float) -> bool:
        """Sleep; False as soon as the client has left."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if http.client_left():
                self.hung_up(http)
                return False
            time.sleep(min(SHUTTING_DOWN, max(0.0, until - time.monotonic())))
        return True

    def _bill(self, bill: Bill) -> None:
        with self._lock:
            self.billed.append(bill)

    def _reply(self, request: Request) -> Reply:
        given: Answer | None = None
        for rule in list(self._rules):
            with self._lock:
                if not rule.fits(request):
                    continue
                given = rule.spend()
            if given is None and callable(rule.script):
                given = rule.script(request)  # outside the lock: a script may wait for another request
            if isinstance(given, str) and request.demands_structure:
                given = None
            if given is not None:
                break
        reply = made_up(request) if given is None else Reply(given) if isinstance(given, str) else given
        return reply.stopped(request.stop)


def made_up(request: Request) -> Reply:
    """The answer to a request that no rule covers."""
    if request.asks_for_verdict:
        return Reply("Nothing scripted this verdict.")
    author, question = request.model, request.question
    chosen = request.body.get("tool_choice")
    if request.tools and chosen != "none" and (request.demands_call or request.messages[-1]["role"] == "user"):
        named = chosen["function"]["name"] if isinstance(chosen, dict) else request.tools[0]["name"]
        tool = _named(request.tools, named)
        arguments = synthesise(tool.get("parameters") or {"type": "object"}, question, author)
        return Reply(calls=((tool["name"], arguments),))
    wanted = request.body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return Reply(json.dumps(synthesise(wanted["json_schema"]["schema"], question, author), ensure_ascii=False))
    if wanted.get("type") == "json_object":
        return Reply(json.dumps(keys_asked_for(question, author), ensure_ascii=False))
    return Reply(f"An answer by {author}, nothing more to say.")


def _named(tools: Iterable[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(tool for tool in tools if tool["name"] == name)

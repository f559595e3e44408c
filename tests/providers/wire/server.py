"""One server for every provider, so that a mixed cascade has one bill.

    with ProviderServer() as server:
        server.say("small", "A draft.")
        server.verdicts("Verdict: Correct")
        model = ChatOllama(model="small", base_url=server.at("ollama"))

Scripting and reading are `OpenAIServer`'s. New here: models that think (`thinks`), settings that a model refuses
(`refuse`), and output limits that are obeyed.
"""

from __future__ import annotations

import json
import re
import socket
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from tests.loopback import Bill, OpenAIServer, Quirks, Reply, Request
from tests.loopback import wire as openai_format
from tests.loopback.http import Handler
from tests.loopback.reply import pieces, tokens

from .anthropic import Anthropic
from .bedrock import Bedrock
from .format import Asked, Refusal, Spent, Wire
from .google import Google
from .mistral import Mistral
from .ollama import Ollama
from .openai import Azure, DeepSeek, Groq, OpenAI, OpenAILike, OpenRouter

WIRES: dict[str, Wire] = {
    wire.name: wire
    for wire in (
        Anthropic(),
        Azure(),
        Bedrock(),
        DeepSeek(),
        Google(),
        Groq(),
        Mistral(),
        Ollama(),
        OpenAI(),
        OpenAILike(),
        OpenRouter(),
    )
}


class ProviderServer(OpenAIServer):
    """The server; `thinks` maps a model to the tokens it spends on thoughts before each answer.

    `refused` are the requests that were answered with a refusal, in order.
    """

    def __init__(self, listener: socket.socket | None = None) -> None:
        super().__init__(listener)
        self.thinks: dict[str, int] = {}
        self.refused: list[tuple[Asked, Refusal]] = []
        self._refusing: dict[str, dict[str, tuple[int, bool]]] = {}

    @property
    def url(self) -> str:
        return f"{self.at('openai')}/v1"

    def at(self, provider: str) -> str:
        """The address of one provider, without the part of the path that its clients add."""
        assert provider in WIRES, f"no provider {provider}"
        return f"{self.root}/{provider}"

    def refuse(self, model: str, setting: str, status: int = 400, drafts: bool = True) -> None:
        """Requests to `model` that carry `setting` (in OpenAI's terms) are refused by its name on the wire.

        Without `drafts` only checks are: many clients send a temperature of their own with every draft.
        """
        self._refusing.setdefault(model, {})[setting] = (status, drafts)

    def asked(self, model: str | None = None, verdict: bool | None = None) -> list[Asked]:
        """`calls`, typed as what they are here."""
        return [call for call in self.calls(model, verdict) if isinstance(call, Asked)]

    def spent(self) -> dict[str, tuple[int, int]]:
        """Input and output tokens billed, by model."""
        return {model: self.tokens(model) for model in sorted({bill.model for bill in self.billed})}

    def clear(self) -> None:
        super().clear()
        self.refused.clear()

    def handle(self, http: Handler, method: str, path: str, body: bytes) -> None:
        _, provider, rest = re.match(r"(/([^/]*))?(.*)", path, re.DOTALL).groups()  # type: ignore[union-attr]
        wire = WIRES.get(provider or "")
        if wire is None:
            http.send(404, json.dumps({"error": f"no provider at {path}"}).encode())
            return
        rest = unquote(rest.split("?")[0])
        found = wire.lookup(method, rest)
        if found is not None:
            http.send(200, json.dumps(found).encode())
            return
        sent = json.loads(body) if body else {}
        read = wire.read(rest, sent)
        if method != "POST" or read is None:
            http.send(404, wire.error(f"no such path: {path}", 404), wire.error_headers(404))
            return
        headers = {name.lower(): value for name, value in http.headers.items()}
        request = Asked(rest, read, headers, wire.name, sent)
        request = replace(request, has_thoughts=wire.thoughts(request))
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
            self._inside.add(id(request))
            self.peak = max(self.peak, self.in_flight)
        try:
            self._answer(http, request, number)
        finally:
            self._leaves(request)

    def _answer(self, http: Handler, request: Request, number: int) -> None:
        assert isinstance(request, Asked)
        wire = WIRES[request.provider]
        refusal = wire.refusal(request) or self._refusal(wire, request)
        if refusal is not None:
            self.refused.append((request, refusal))
            body = wire.error(refusal.message, refusal.status, refusal.setting)
            http.send(refusal.status, body, wire.error_headers(refusal.status))
            return
        quirks = self.quirks.get(request.model, Quirks())
        choices = min(request.n if wire.gives_n else 1, quirks.max_choices or request.n)
        replies = [self._limited(request, self._reply(request)) for _ in range(choices)]
        first = replies[0]
        if first.delay and not self._wait(http, first.delay):
            return
        if first.faulty:
            if first.reset:
                http.reset()
            else:
                headers = {**wire.error_headers(first.status), **first.headers}
                http.send(first.status, first.body or wire.error(first.error, first.status), headers)
            return
        prompt = first.input_tokens if first.input_tokens is not None else request.input_tokens
        counts = [openai_format.output_tokens(reply) for reply in replies]
        thoughts = sum(reply.reasoning_tokens for reply in replies)
        reported = counts[0] if quirks.usage_of_one_choice else sum(counts)
        spent = Spent(prompt, reported, thoughts, first.cached_tokens, first.usage)
        self._bill(Bill(request.model, prompt, sum(counts), choices, request.streams, request.asks_for_verdict))
        if request.streams:
            self._write_stream(http, wire, request, replies, number, spent)
            return
        self._leaves(request)
        http.send(200, json.dumps(wire.whole(request, replies, number, spent)).encode(), dict(first.headers))

    def _write_stream(
        self, http: Handler, wire: Wire, request: Asked, replies: list[Reply], number: int, spent: Spent
    ) -> None:
        first = replies[0]
        http.begin(200, {"Content-Type": wire.stream_type, **first.headers})
        sent = 0
        held = b""  # the last part goes only when the request has left, as the client may be quicker than this thread
        for part in wire.parts(request, replies, number, spent):
            if held:
                http.wfile.write(held)
                held = b""
            if part.is_text:
                if first.cut_after is not None and sent >= first.cut_after:
                    http.reset()
                    return
                if sent and first.pause and not self._wait(http, first.pause):
                    return
                if sent and first.gate is not None and not first.gate.wait(http.client_left):
                    self.hung_up(http)
                    return
                sent += 1
                if first.gate is not None:
                    first.gate.sent = sent
                http.wfile.write(part.data)
            else:
                held = part.data
        self._leaves(request)
        http.wfile.write(held)

    def _refusal(self, wire: Wire, request: Asked) -> Refusal | None:
        for setting, (status, drafts) in self._refusing.get(request.model, {}).items():
            if not drafts and not request.asks_for_verdict:
                continue
            if request.body.get(setting) is not None and not (setting == "n" and request.n == 1):
                place = wire.place(request, setting)
                return Refusal(f"Unsupported parameter: '{place}' is not supported with this model.", status, place)
        return None

    def _limited(self, request: Asked, reply: Reply) -> Reply:
        """The reply as the output limit leaves it; thoughts come first and count."""
        if reply.faulty:
            return reply
        limit = request.body.get("max_tokens")
        thinks = self.thinks.get(request.model, 0)
        if thinks and _switched_off(request):
            thinks = 0
        if thinks:
            counted = thinks if limit is None else min(thinks, int(limit))
            words = reply.reasoning or "Let me think. Verdict: Correct? Verdict: Incorrect? I wonder."
            reply = replace(reply, reasoning=words, reasoning_tokens=counted)
            answer = openai_format.output_tokens(replace(reply, reasoning=None, output_tokens=None))
            if limit is not None and thinks >= int(limit):
                return replace(reply, text="", pieces=None, calls=(), finish_reason="length", output_tokens=counted)
            if limit is None or thinks + answer <= int(limit):
                return replace(reply, output_tokens=counted + answer)
            limit = int(limit) - thinks
        if limit is None or tokens(reply.text) <= int(limit) or reply.output_tokens is not None:
            return reply
        kept = "".join(pieces(reply.text)[: int(limit)])
        return replace(reply, text=kept, pieces=None, finish_reason="length", output_tokens=thinks + int(limit))


def _switched_off(request: Asked) -> bool:
    thinking: Any = request.sent.get("thinking")
    return request.sent.get("think") is False or (isinstance(thinking, dict) and thinking.get("type") == "disabled")

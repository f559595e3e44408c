"""A provider of set latency, in a process of its own: python -m benchmarks.serve.children SOCKET SMALL CHECK LARGE.

A question that says HARD is drafted wrong: its checks say incorrect. GET /told gives requests and bytes by step.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections import defaultdict
from typing import Any

import uvicorn

SHORT = {"small": "Oda Verrin built it.", "large": "It was Oda Verrin who built it."}
VERDICT = "The context says who built it.\nVerdict: "


class Children:
    """One ASGI application for all models; a step is small, check or large."""

    def __init__(self, small: float, check: float, large: float) -> None:
        self.delays = {"small": small, "check": check, "large": large}
        self.told: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["method"] == "GET":
            await _answer(send, json.dumps(self.told).encode())
            self.told.clear()
            return
        parts, more = [], True
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        body = b"".join(parts)
        asked = json.loads(body)
        step = "check" if len(asked["messages"]) > 2 else asked["model"]
        await asyncio.sleep(self.delays[step])
        text = SHORT.get(step) or VERDICT + ("incorrect" if b"HARD" in body else "correct")
        choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        n = asked.get("n") or 1
        reply = json.dumps(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 0,
                "model": asked["model"],
                "choices": [{"index": place, **choice} for place in range(n)],
                "usage": {
                    "prompt_tokens": len(body) // 4,
                    "completion_tokens": n * len(text) // 4,
                    "total_tokens": len(body) // 4 + n * len(text) // 4,
                },
            }
        ).encode()
        for place, count in enumerate((1, len(body), len(reply))):
            self.told[step][place] += count
        await _answer(send, reply)


async def _answer(send: Any, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    listening = socket.socket(fileno=int(sys.argv[1]))
    application = Children(*map(float, sys.argv[2:5]))
    config = uvicorn.Config(application, log_level="critical", access_log=False, lifespan="off", backlog=4096)
    uvicorn.Server(config).run([listening])

"""Runs inside the environment of cascadeflow 1.2.0: its agent over recorded drafts and answers, from standard input.

    PYTHON theirs.py < rows.jsonl > decisions.jsonl

A row has "id", "prompt" and, as "small" and "large", "answer", "tokens" ([token, log-probability, alternatives?] each,
or null) and "usage". Both models stand behind a server on this machine that speaks OpenAI's protocol and counts what it
is asked. The agent is as it comes: its checks of quality, its router before the draft, learning from row to row.
Needs nothing of AutoMix; only the standard library and cascadeflow.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cascadeflow import CascadeAgent, ModelConfig  # type: ignore[import-not-found,unused-ignore]

COSTS = {"small": 0.001, "large": 0.05}
"""USD per thousand tokens; the agent's decisions don't look at them, only which model comes first."""


class Server(ThreadingHTTPServer):
    """Answers every request with what is recorded on the row in hand."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.row: dict[str, Any] = {}
        self.asked: Counter[str] = Counter()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        """One chat completion."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.path.endswith("/chat/completions") or asked.get("stream") or asked.get("n", 1) != 1:
            self.send_error(400, "not a request that the recorded answers answer")
            return
        self.server.asked[asked["model"]] += 1
        body = json.dumps(completion(self.server.row[asked["model"]], asked)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""


def completion(recorded: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """The recorded answer as a provider sends it, with log-probabilities where they are asked for and known."""
    usage = recorded["usage"]
    said: dict[str, Any] | None = None
    if asked.get("logprobs") and recorded["tokens"]:
        said = {"content": [entry(*token) for token in recorded["tokens"]]}
    return {
        "id": "recorded",
        "object": "chat.completion",
        "created": 0,
        "model": asked["model"],
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": recorded["answer"]},
                "logprobs": said,
            }
        ],
        "usage": {
            "prompt_tokens": usage["input"],
            "completion_tokens": usage["output"],
            "total_tokens": usage["input"] + usage["output"],
        },
    }


def entry(token: str, logprob: float, alternatives: list[list[Any]] | None = None) -> dict[str, Any]:
    """One token's log-probability."""
    others = [{"token": other, "logprob": value, "bytes": None} for other, value in alternatives or []]
    return {"token": token, "logprob": logprob, "bytes": None, "top_logprobs": others}


async def decisions(server: Server, rows: list[dict[str, Any]]) -> None:
    """Ask for each row in turn and print which models were asked, and how often."""
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    agent = CascadeAgent(
        models=[
            ModelConfig(name=name, provider="vllm", base_url=url, cost=cost, api_key="none")
            for name, cost in COSTS.items()
        ]
    )
    for row in rows:
        server.row = row
        server.asked.clear()
        result = await agent.run(row["prompt"], temperature=0.0)
        answered = "large" if server.asked["large"] else "small"
        if result.content != row[answered]["answer"]:
            sys.exit(f"{row['id']}: the agent said neither model's answer")
        print(json.dumps({"id": row["id"], "asked": [server.asked["small"], server.asked["large"]]}), flush=True)


def main() -> None:
    logging.disable(logging.CRITICAL)
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    asyncio.run(decisions(server, [json.loads(line) for line in sys.stdin]))
    server.shutdown()


if __name__ == "__main__":
    main()

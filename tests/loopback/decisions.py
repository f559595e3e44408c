"""A server that speaks TypeSafe's System One API: typed questions about a state in, probabilities out."""

from __future__ import annotations

import json
import re
from typing import Any

from .http import Handler, LoopbackServer

KEY = "a-key-for-decisions"


class DecisionServer(LoopbackServer):
    """Answers each yes/no question ("noul") about a draft: 0.97 where its numbers are in the context, else 0.04."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[dict[str, Any]] = []

    def handle(self, http: Handler, method: str, path: str, body: bytes) -> None:
        if (method, path) != ("POST", "/v1/systemone"):
            http.send(404, b"{}")
            return
        if http.headers.get("Authorization") != f"Bearer {KEY}":
            http.send(401, b"{}")
            return
        asked = json.loads(body)
        if set(asked) != {"model", "state", "questions"} or not asked["questions"]:
            http.send(422, b"{}")
            return
        self.asked.append(asked)
        answers = {name: self._answer(asked["state"], question) for name, question in asked["questions"].items()}
        usage = {"input_tokens": len(body.split()), "output_tokens": 0}
        http.send(200, json.dumps({"model": asked["model"], "answers": answers, "usage": usage}).encode())

    def _answer(self, state: dict[str, str], question: dict[str, Any]) -> dict[str, Any]:
        assert question["type"] == "noul"
        assert question["instructions"]
        numbers, known = (set(re.findall(r"\d+", state[name])) for name in ("answer", "context"))
        return {"type": "noul", "noul": 0.97 if numbers <= known else 0.04}

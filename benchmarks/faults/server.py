"""The server: each cell has a base URL of its own, and one step that meets its fault."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from tests.loopback import OpenAIServer, Request
from tests.loopback.http import Handler, LoopbackServer

from .catalogue import Fault
from .exchange import Exchange

Step = Literal["draft", "checks", "answer"]
STEPS: tuple[Step, ...] = ("draft", "checks", "answer")

DRAFT = "Oda Verrin built the lighthouse of Quillon."
LARGE = "The lighthouse of Quillon was built by Oda Verrin, say the records."
STRANGER = "A stranger says: it was built by Ina Holm."
YES, NO = "The text says so.\nVerdict: Correct", "The text does not say so.\nVerdict: Incorrect"


@dataclass
class Cell:
    """One question whose `steps` meet `fault`; checks find the draft wrong where the last model is to answer."""

    fault: Fault
    steps: frozenset[Step]
    verdict: str
    asked: Counter[Step] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def of(cls, fault: Fault, *steps: Step) -> Cell:
        """A cell of which `steps` break."""
        return cls(fault, frozenset(steps), NO if "answer" in steps else YES)


class FaultServer(LoopbackServer):
    """Answers each cell below `/<its number>/v1`."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: dict[str, Cell] = {}
        self._stranger = OpenAIServer()
        self._lock = threading.Lock()

    def __enter__(self) -> FaultServer:
        self._stranger.__enter__()
        self._stranger.say(None, STRANGER)
        self._stranger.verdicts("I say so.\nVerdict: Correct")
        super().__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        self._stranger.__exit__(*exc)

    def open(self, cell: Cell) -> str:
        """The base URL of `cell`."""
        with self._lock:
            number = str(len(self.cells))
            self.cells[number] = cell
        return f"{self.root}/{number}/v1"

    def handle(self, http: Handler, method: str, path: str, body: bytes) -> None:
        cell = self.cells[path.split("/")[1]]
        request = Request(path, json.loads(body))
        step: Step = "checks" if request.asks_for_verdict else "draft" if request.model == "small" else "answer"
        with self._lock:
            cell.asked[step] += 1
        text = {"checks": cell.verdict, "draft": DRAFT, "answer": LARGE}[step]
        exchange = Exchange(http, request, text, cell.over, self._stranger.root)
        if step in cell.steps:
            cell.fault.act(exchange)
        else:
            exchange.answer()

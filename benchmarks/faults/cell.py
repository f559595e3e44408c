"""One cell of the table: a question is asked while one of its steps breaks, and what came is graded."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from automix_core import Route
from automix_core.routing.attached import route_of

from .catalogue import REDIRECT, Fault
from .exchange import seconds_since
from .server import DRAFT, LARGE, STEPS, Cell, FaultServer, Step
from .ways import BUILD, Setting, Urls, Way

GRADES = {
    "A": "answered: the last model's answer, or a draft that its checks found right",
    "D": "the draft stands in, flagged",
    "M": "what came, marked in `errors`",
    "E": "an error, within bounds",
    "U": "passed on unmarked",
    "L": "no end",
    "-": "not applicable",
}


@dataclass(frozen=True)
class Outcome:
    """What became of one cell: its grade, seconds, requests by step, the error's type, whether its route is told.

    `tries`: how often it was asked, because this process was kept waiting by others.
    """

    setting: str
    fault: str
    step: str
    way: str
    grade: str
    seconds: float = 0.0
    asked: tuple[int, int, int] = (0, 0, 0)
    error: str | None = None
    books: bool = True
    text: str | None = None
    tries: int = 1

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@contextmanager
def nobody() -> Iterator[str]:
    """A base URL at which nobody listens, and nobody else can meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/v1"


def urls_of(cell: Cell, url: str, dead: str) -> Urls:
    """Where each step is asked."""
    if not cell.fault.refused:
        return Urls(url, url)
    at: dict[Step, str] = {step: dead if step in cell.steps else url for step in STEPS}
    return Urls(at["draft"], at["answer"], at["checks"] if at["checks"] != at["draft"] else None)


def run(server: FaultServer, setting: Setting, fault: Fault, step: Step, way: Way) -> Outcome:
    """Ask once, and wait no longer than the setting's cap."""
    if fault.streamed and not (step == "answer" and way.streams):
        return Outcome(setting.name, fault.name, step, way.name, "-")
    cell, box = Cell.of(fault, step), []
    with nobody() as dead:
        model = BUILD[way.framework](setting, urls_of(cell, server.open(cell), dead))
        thread = threading.Thread(target=lambda: box.append(way.collected(model)), daemon=True)
        began = time.monotonic()
        thread.start()
        thread.join(setting.cap)
        seconds = seconds_since(began)
        found = box[0] if box else None
        cell.over.set()
        thread.join(10)
    asked = (cell.asked["draft"], cell.asked["checks"], cell.asked["answer"])
    if found is None:
        return Outcome(setting.name, fault.name, step, way.name, "L", seconds, asked, books=False)
    text, error, routes = found
    books = len(routes) == 1 and (error is None or route_of(error, None) is not None)
    strange = fault.name == REDIRECT and step == "checks" and text == DRAFT
    grade = "U" if strange else graded(text, error, routes)  # a stranger's verdicts kept the draft
    kind = type(error).__name__ if error else None
    wrong = text if grade in "MU" else None
    return Outcome(setting.name, fault.name, step, way.name, grade, seconds, asked, kind, books, wrong)


def graded(text: str | None, error: BaseException | None, routes: list[Route]) -> str:
    """The letter for what came."""
    if error is not None:
        return "E"
    route = routes[-1] if routes else None
    checked = route is not None and bool(route.verdicts.get("correct"))
    if text == LARGE or (text == DRAFT and checked and route is not None and route.action == "accept"):
        return "A"
    if route is None or not route.errors:
        return "U"
    return "D" if text == DRAFT and route.action == "fallback" else "M"

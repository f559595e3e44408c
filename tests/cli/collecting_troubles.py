"""What goes wrong with `automix collect`, and with the files that it makes; each is provoked."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from automix_cli.app import app
from automix_cli.collect import retrying
from automix_cli.collect.journal import Journal
from tests.loopback import OpenAIServer, Reply, Request
from tests.loopback.openai_server import When

MANY = [{"id": f"q{i}", "question": f"Where is {i}?", "context": "x", "answers": ["Paris"]} for i in range(24)]
OUTCOME = {"id": "a", "models": [{"name": name, "score": 1, "cost": 1} for name in ("small", "large")]}
APP = """
def raising(model):
    raise KeyError(model)

def several(model):
    from langchain_openai import ChatOpenAI
    return ChatOpenAI(model="a", api_key="none") | ChatOpenAI(model="b", api_key="none")

def score(answer, golds):
    return {}[answer]
"""


def last_line(*arguments: object) -> str:
    """What `automix` says at the end."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="automix")
    assert result.exit_code in (1, 2), result.output
    return result.stderr.splitlines()[-1]


def lines(path: Path, *records: object) -> Path:
    """One record a line."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


class Collector:
    """Somebody who collects, in a folder of their own, from a server that answers unless it is told to fail."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch = folder, patch
        self.output = folder / "outcomes.jsonl"
        self.questions = lines(folder / "questions.jsonl", *MANY)
        patch.chdir(folder)
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr(retrying, "_spread", type("Still", (), {"uniform": staticmethod(lambda low, high: 0.0)}))
        (folder / "troubled_app.py").write_text(APP)
        sys.modules.pop("troubled_app", None)

    def collect(self, *more: object, reply: Reply | None = None, when: When = None) -> str:
        """`automix collect`, where the large model answers `reply` to prompts that hold `when`."""
        with OpenAIServer() as server:
            server.say(None, "Paris")
            if reply is not None:
                server.fail("l", reply, when=when)
            models = [f"--model=small={server.url}#s", f"--model=large={server.url}#l"]
            named = ["--model=small", "--model=large"] if any("--app" in str(word) for word in more) else models
            return last_line("collect", self.questions, "-o", self.output, "--json", *named, *more)

    def file(self, name: str, content: bytes) -> str:
        """`automix collect` of a file with that content."""
        self.questions = self.folder / name
        self.questions.write_bytes(content)
        return self.collect()


def not_the_first(request: Request) -> bool:
    return "Where is 0?" not in request.question


def in_use(user: Collector) -> str:
    with Journal(user.folder / "outcomes.jsonl.journal"):
        return user.collect()


def another_journal(user: Collector) -> str:
    (user.folder / "outcomes.jsonl.journal").write_text("my notes\n")
    return user.collect()


def outcomes_for_questions(user: Collector) -> str:
    lines(user.questions, OUTCOME)
    return user.collect()


def slip(user: Collector) -> str:
    (user.folder / "c.toml").write_text('[[models]]\nname = "s"\n')
    return last_line("collect", user.questions, "-o", user.output, "--config", user.folder / "c.toml")


def fit(user: Collector, *more: str) -> str:
    lines(user.output, *[OUTCOME | {"id": str(number)} for number in range(12)])
    return last_line("fit", user.output, "-o", user.folder / "p.json", *more)


def swapped(user: Collector) -> str:
    lines(user.output, OUTCOME, OUTCOME | {"id": "b"})
    return last_line("evaluate", user.output, user.folder / "p.json")


TROUBLES: dict[str, Callable[[Collector], str]] = {
    "a key is wrong there": lambda user: user.collect(reply=Reply(status=401)),
    "a model has another name there": lambda user: user.collect(reply=Reply(status=404)),
    "a server is not there": lambda user: user.collect(reply=Reply(reset=True)),
    "a server dies on the way": lambda user: user.collect(reply=Reply(reset=True), when=not_the_first),
    "some questions fail": lambda user: user.collect(reply=Reply(status=400), when="Where is 5?"),
    "two runs write one output": in_use,
    "the journal is another file": another_journal,
    "the app is not `module:function`": lambda user: user.collect("--app=troubled_app"),
    "the app can't be imported": lambda user: user.collect("--app=nowhere:app"),
    "the app raises an error": lambda user: user.collect("--app=troubled_app:raising"),
    "it is not clear which model checks": lambda user: user.collect("--app=troubled_app:several"),
    "the scorer fails": lambda user: user.collect("--scorer=troubled_app:score"),
    "outcomes in place of questions": outcomes_for_questions,
    "questions in place of outcomes": lambda user: last_line("fit", user.questions, "-o", user.folder / "p.json"),
    "the policy and the outcomes are swapped": swapped,
    "a file of Windows in another encoding": lambda user: user.file("q.jsonl", b'{"question": "caf\xe9"}\n'),
    "a file that PowerShell wrote": lambda user: user.file("q.jsonl", '{"question": "A?"}'.encode("utf-16")),
    "an answer is empty": lambda user: user.file("q.jsonl", b'{"question": "A?", "answers": [""]}\n'),
    "a CSV file without names": lambda user: user.file("q.csv", b"Where is it?,Paris\n"),
    "a slip in the configuration": slip,
    "prices for some models only": lambda user: fit(user, "--price=small=1/2"),
    "prices for outcomes without tokens": lambda user: fit(user, "--price=small=1/2", "--price=large=1/2"),
}
"""Each row of the page's part on collecting."""

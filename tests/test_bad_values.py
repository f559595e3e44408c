"""Whatever a public constructor is given, it takes it or says in one sentence, as our own error, what is wrong."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from llama_index.core.llms import MockLLM

import automix_core
import langchain_automix
import llamaindex_automix
from automix_core.errors import AutoMixError

ODD: list[Any] = [
    *(None, 0, -1, 3, 1.5, float("nan"), float("inf"), True, "x", "", b"x", "large"),
    *([], {}, (), [1, 2], {"a": 1}, [None, None], object(), int, lambda: 1),
]
AUDIT: Any = langchain_automix.Audit
MODELS = {
    "AutoMixChatModel": [FakeListChatModel(responses=["a"]), FakeListChatModel(responses=["b"])],
    "AutoMixLLM": [MockLLM(), MockLLM()],
}
FACES = [
    *(getattr(langchain_automix, name) for name in ("AutoMixChatModel", "SelfVerifier", "TokenVerifier")),
    *(getattr(llamaindex_automix, name) for name in ("AutoMixLLM", "SelfVerifier", "TokenVerifier")),
    langchain_automix.MetaVerifier,
]
SINGLES = [
    getattr(automix_core, name)
    for name in ("Threshold", "Band", "Always", "Mixture", "Share", "Price", "Breaker", "Limiter", "VerdictCost")
] + [getattr(automix_core, name) for name in ("Objective", "DriftMonitor", "Reloading")]


def told(kind: Any, *args: Any, **settings: Any) -> None:
    """Make one; what it raises has to be ours, and one line."""
    given = f"{kind.__module__}.{kind.__name__}(*{args!r}, **{settings!r})"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind(*args, **settings)
    except AutoMixError as error:
        if "\n" in str(error) or not str(error):
            raise AssertionError(f"{given} is not told in one line: {error}") from error
    except Exception as error:
        raise AssertionError(f"{given} raises {type(error).__name__}: {error}") from error


@pytest.mark.parametrize("kind", FACES, ids=lambda kind: f"{kind.__module__.partition('.')[0]}.{kind.__name__}")
def test_each_keyword_of_a_face(kind: Any) -> None:
    models = {"models": MODELS[kind.__name__]} if kind.__name__ in MODELS else {}
    names = list(inspect.signature(kind.__init__).parameters)[1:]
    assert len(names) > 2
    for name in names:
        for value in ODD:
            told(kind, **{**models, name: value})


def test_each_keyword_of_an_audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(inspect.signature(AUDIT.__init__).parameters)[1:]:
        for value in ODD:
            told(AUDIT, **{"path": "outcomes.jsonl", name: value})


@pytest.mark.parametrize("kind", SINGLES, ids=lambda kind: str(kind.__name__))
def test_each_argument_of_a_part(kind: Any) -> None:
    parameters = list(inspect.signature(kind).parameters.values())
    needed = {p.name: 0.5 for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD}
    for parameter in parameters:
        for value in ODD:
            told(kind, **{**needed, parameter.name: value})

"""The models that the comparisons here measure, each over the same loopback provider with the same children.

A peer lives in its own environment (`pip install "cascadeflow==1.2.0" langchain-openai langgraph langchain` in a fresh
one); each comparison starts itself there with `--peer-python` and reads the result as JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI

from tests.loopback import OpenAIServer

Way = Literal["accept", "escalate"]
WAYS: tuple[Way, ...] = ("accept", "escalate")

ROOT = Path(__file__).resolve().parents[1]
DRAFT = "Smallish words: Oda Verrin built it."
LARGE = "Largely spoken: the builder was Oda Verrin."
VERDICT = {"accept": "Supported by the text.\nVerdict: Correct", "escalate": "Unsupported so far.\nVerdict: Incorrect"}


def script(server: OpenAIServer, way: Way) -> None:
    """The lines of the models, and of the checks where a subject makes any."""
    server.say("small", DRAFT)
    server.say("large", LARGE)
    server.verdicts(VERDICT[way])


def child(server: OpenAIServer, name: str) -> ChatOpenAI:
    """One child."""
    return ChatOpenAI(model=name, base_url=server.url, api_key="none", stream_usage=True, max_retries=0)


def build(subject: str, server: OpenAIServer, way: Way) -> BaseChatModel:
    """The subject over small and large.

    CascadeFlow's judge is replaced by the path's own verdict and its pre-router is off: its heuristics are not what is
    compared.
    """
    small, large = child(server, "small"), child(server, "large")
    if subject == "automix":
        from langchain_automix import AutoMixChatModel, SelfVerifier

        return AutoMixChatModel(models=[small, large], verifier=SelfVerifier(k=8))
    from cascadeflow.langchain import CascadeFlow  # type: ignore[import-not-found,unused-ignore]

    score = 1.0 if way == "accept" else 0.0
    peer: BaseChatModel = CascadeFlow(
        drafter=small, verifier=large, enable_pre_router=False, quality_validator=lambda result: score
    )
    return peer


def arguments(about: str | None) -> argparse.Namespace:
    """The options that all comparisons have."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--subject", default="automix", choices=["automix", "cascadeflow"])
    parser.add_argument("--peer-python", help="the interpreter of an environment with cascadeflow 1.2.0")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def results(module: str, measure: Any, asked: argparse.Namespace) -> dict[str, Any]:
    """What `measure(subject)` gives for the subject asked for, and for the peer in its own environment."""
    found = {asked.subject: measure(asked.subject)}
    if asked.peer_python:
        command = [asked.peer_python, "-W", "ignore", "-m", module, "--subject", "cascadeflow", "--json"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"The peer's run failed:\n{done.stderr}")
        found |= json.loads(done.stdout.splitlines()[-1])  # the peer prints while it works
    return found

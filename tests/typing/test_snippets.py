"""What a user writes, as mypy --strict and pyright read it: what is right passes, a slip is refused."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import langchain_automix.chat_model.settings
import llamaindex_automix.llm.settings
from langchain_automix import AutoMixChatModel
from llamaindex_automix import AutoMixLLM

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

LANGCHAIN = """
from langchain_automix import (
    Audit, AutoMixChatModel, MetaVerifier, SelfVerifier, TokenVerifier, collect_routes, route_of, with_context
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.prompts import ChatPromptTemplate

from automix_core import (
    POMDP, Breaker, CheckFunction, Decision, Draft, Limiter, Policy, Price, Route, Share, State, Threshold, fit
)


def use(small: BaseChatModel, large: BaseChatModel, prompt: ChatPromptTemplate, message: AIMessage) -> None:
"""
LLAMAINDEX = """
from llama_index.core.base.llms.types import ChatResponse
from llama_index.core.llms import LLM
from llamaindex_automix import (
    Audit, AutoMixLLM, AutoMixRoutingEvent, SelfVerifier, TokenVerifier, collect_routes, route_of
)

from automix_core import Breaker, CheckFunction, Limiter, Price, Route, Share, State, Threshold, fit


def use(small: LLM, large: LLM, message: ChatResponse) -> None:
"""

RIGHT = {
    "AutoMix([small, large])": "",
    "positional": "AutoMix([small, large], SelfVerifier(k=4), Threshold(0.8), [Price(1, 2), None])",
    "keywords": """AutoMix(
        models=[small, large], verifier=SelfVerifier(small, 4, temperature=None, max_tokens=64, price=Price(1, 2)),
        policy="policy.json", prices=[Price(0.1, 0.4), Price(2, 8)], without_context="raise", on_failure="raise",
        verify_concurrency=4, structured_output="large", context_extractor=lambda messages: "text")""",
    "a function that checks": """
    def check(context: str, question: str, answer: str, n: int) -> list[bool]:
        return [answer in context] * n

    async def sure(context: str, question: str, answer: str, n: int) -> float:
        return 0.9

    AutoMix([small, large], check)
    AutoMix([small, large], verifier=sure)
    checks: list[CheckFunction] = [check, sure]""",
    "a file": "model: AutoMix = AutoMix.from_config('cascade.toml', policy=Threshold(0.8), timeout=3.0)",
    "what stands around a call": """AutoMix(
        [small, large], policy=Share(0.4), signals=["support"], limiter=Limiter(3), breaker=Breaker(failures=2),
        measures={"p_correct": TokenVerifier(model=large), "agreement": 2, "mine": lambda c, q, a: 0.5},
        audit=Audit("outcomes.jsonl", share=0.1), timeout=3, max_cost=0.1, prices=[Price(1, 2), Price(9, 9)])""",
    "routes": """
    route: Route = route_of(message)
    maybe: Route | None = route_of(message, None)
    with collect_routes() as routes:
        pass
    cost: float | None = routes[0].cost["total"]
    total = route.usage["total"]
    tokens: int = 0 if total is None else total["input_tokens"] + total["output_tokens"]
    drawn: int = sum(step.get("n", 0) for step in route.steps if step["do"] == "verify")
    correct: int = route.verdicts["correct"]""",
}
RIGHT_LANGCHAIN = {
    "a chain": "chain = with_context(prompt, question_key='q') | AutoMixChatModel([small.bind(stop=['.']), large])",
    "a policy of one's own": """
    class Mine:
        def decide(self, state: State) -> Decision:
            return Decision(Draft(0), "first")

    policies: list[Policy] = [Mine(), Threshold()]
    AutoMixChatModel([small, large], policy=Mine(), tags=["a"], cache=True)
    SelfVerifier(small) | MetaVerifier(Threshold(0.6), models=2)""",
}
RIGHT_LLAMAINDEX = {
    "its own": "AutoMixLLM([small, large], auxiliary='small', should_verify=lambda query: bool(query.question))",
}

WRONG = {
    "a misspelt keyword": "AutoMix([small, large], polcy=None)",
    "another misspelt keyword": "AutoMix([small, large], without_contxt='large')",
    "a likely slip": "AutoMix([small, large], threshold=0.8)",
    "a verifier's misspelt keyword": "SelfVerifier(shotz=3)",
    "a wrong literal": "AutoMix([small, large], on_failure='rase')",
    "another wrong literal": "AutoMix([small, large], without_context='guess')",
    "models by name": "AutoMix(['openai:gpt-5.4-nano', 'openai:gpt-5.4'])",
    "a number for a policy": "AutoMix([small, large], policy=0.8)",
    "a number for a price": "AutoMix([small, large], prices=[0.1, 0.4])",
    "a verifier that returns text": "AutoMix([small, large], verifier=lambda context, question, answer, n: 'yes')",
    "a figure of the cost that there is not": "route_of(message).cost['totl']",
    "a figure that may be unknown": "route_of(message).usage['total']['input_tokens']",
    "a file's misspelt keyword": "AutoMix.from_config('cascade.toml', polcy=None)",
    "a file's wrong literal": "AutoMix.from_config('cascade.toml', on_failure='rase')",
    "a token verifier's misspelt keyword": "TokenVerifier(abuot='context')",
    "a token verifier's wrong literal": "TokenVerifier(about='contxt')",
    "a misspelt price": "Price(inpt=1, output=2)",
    "a misspelt audit": "AutoMix([small, large], audit=Audit('outcomes.jsonl', shar=0.1))",
    "a number for a breaker": "AutoMix([small, large], breaker=3)",
    "text for seconds": "AutoMix([small, large], timeout='3')",
    "a method that there is not": "fit([], method='pomdq')",
    "a misspelt share": "Share(0.4, windw=3)",
    "a step that there is not": "[step['verdict'] for step in route_of(message).steps]",
}

WRONG_LANGCHAIN = {
    "a prompt's misspelt keyword": "with_context(prompt, question='q')",
    "a meta-verifier's misspelt keyword": "MetaVerifier(polcy=None)",
}


def snippets() -> tuple[dict[str, str], dict[str, str]]:
    """The right and the wrong ones, by file name."""
    right: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for host, face, start, more, worse in (
        ("langchain", "AutoMixChatModel", LANGCHAIN, RIGHT_LANGCHAIN, WRONG_LANGCHAIN),
        ("llamaindex", "AutoMixLLM", LLAMAINDEX, RIGHT_LLAMAINDEX, {}),
    ):
        for kind, cases in ((right, {**RIGHT, **more}), (wrong, {**WRONG, **worse})):
            for name, text in cases.items():
                body = re.sub(r"\bAutoMix\b", face, text or name).strip()
                plain = re.sub(r"\W+", "_", name).strip("_")
                kind[f"{host}_{plain}"] = f"{start}    {body}\n"
    readme = BLOCK.findall((ROOT / "README.md").read_text("utf-8"))
    right |= {f"readme_{number}": block for number, block in enumerate(readme)}
    assert len(readme) >= 2
    return right, wrong


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, "utf-8")


@pytest.fixture(scope="module")
def mypy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What mypy --strict says, by file."""
    folder = tmp_path_factory.mktemp("mypy")
    write(folder, {**snippets()[0], **snippets()[1]})
    (folder / "mypy.ini").write_text(f"[mypy]\nstrict = True\nmypy_path = {ROOT}\n", "utf-8")
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--no-error-summary", "."]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    said: dict[str, str] = {}
    for line in ran.stdout.splitlines():
        name, _, rest = line.partition(".py:")
        if ": error: " in line:
            said[name] = said.get(name, "") + rest + "\n"
    return said


@pytest.fixture(scope="module")
def pyright(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What pyright says with its own settings, by file."""
    folder = tmp_path_factory.mktemp("pyright")
    write(folder, {**snippets()[0], **snippets()[1]})
    (folder / "pyrightconfig.json").write_text(json.dumps({"extraPaths": [str(ROOT)], "include": ["."]}), "utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "--project", "."]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    said: dict[str, str] = {}
    for found in json.loads(ran.stdout)["generalDiagnostics"]:
        if found["severity"] == "error":
            name = Path(found["file"]).stem
            said[name] = said.get(name, "") + found["message"] + "\n"
    return said


@pytest.mark.parametrize(
    ("face", "settings"),
    [
        (AutoMixChatModel, langchain_automix.chat_model.settings.Settings),
        (AutoMixLLM, llamaindex_automix.llm.settings.Settings),
    ],
)
def test_from_config_takes_the_constructors_keywords(face: type, settings: type) -> None:
    """Of the same types, and no others."""
    init: Any = face.__init__  # type: ignore[misc]
    parameters = list(inspect.signature(init).parameters.values())[1:]
    written = {name: getattr(kind, "__forward_arg__", kind) for name, kind in settings.__annotations__.items()}
    assert written == {parameter.name: parameter.annotation for parameter in parameters}


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_what_is_right_passes(checker: str, request: pytest.FixtureRequest) -> None:
    said = request.getfixturevalue(checker)
    assert {name: said[name] for name in snippets()[0] if name in said} == {}


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
@pytest.mark.parametrize("name", snippets()[1])
def test_a_slip_is_refused(checker: str, name: str, request: pytest.FixtureRequest) -> None:
    assert name in request.getfixturevalue(checker)

"""Every page runs as pasted: its Python blocks, as they stand there, from the top, in a process of their own.

The process gets an empty folder and, besides what any process has, only the environment variables that the page names.
Providers are servers on this machine; `town` says what its models answer, the same for every page.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs import pasted
from tests.docs.test_pages import PAGES, named
from tests.loopback import LangSmithCollector, OpenAIServer, Reply, Request
from tests.loopback.decisions import KEY, DecisionServer
from tests.loopback.otlp_collector import OTLPCollector
from tests.loopback.schema import synthesise

RUNNING = [page for page in PAGES if pasted.blocks(page.read_text("utf-8"))]
FIRST = ("README.md", "docs/start.md", "docs/langchain/index.md", "docs/llamaindex/index.md")
"""Where people begin: run with every `make test`. The others take a minute, and run with the slow tests."""
KEPT = ("PATH", "SYSTEMROOT", "TMPDIR", "COVERAGE_PROCESS_START")
NEEDS = {
    "langchain_automix": "langchain",
    "langchain_core": "langchain",
    "langchain_openai": "langchain-openai",
    "langchain": "langchain",
    "langchain_classic": "langchain-classic",
    "langgraph": "langgraph",
    "langsmith": "langsmith",
    "llamaindex_automix": "llamaindex",
    "llama_index.core": "llamaindex",
    "llama_index.llms.openai_like": "llama-index-llms-openai-like",
    "llama_index.llms.openai": "llama-index-llms-openai",
    "transformers": "transformers",
    "lettucedetect": "lettucedetect",
    "minicheck": "minicheck",
    "httpx": "httpx",
    "langfuse": "langfuse",
    "openinference.instrumentation.langchain": "openinference-instrumentation-langchain",
    "openinference.instrumentation.llama_index": "openinference-instrumentation-llama-index",
    "duckdb": "parquet",
    "opentelemetry": "opentelemetry-exporter-otlp-proto-http",
}
"""What a reader installs for a module: a package, or an extra of ours."""
VARIABLES = {
    "langchain_openai": "OPENAI_API_KEY",
    "llama_index.llms.openai": "OPENAI_API_KEY",
    "llama_index.llms.openai_like": "OPENAI_API_KEY",
    "langfuse": "LANGFUSE_SECRET_KEY",
    "langsmith": "LANGSMITH_API_KEY",
}
"""What a client of a provider reads."""
GIVEN = {*sys.stdlib_module_names, "automix_core", "pydantic", "numpy"}
"""What the base install has."""
OPENINFERENCE = "ignore:The `json` method is deprecated:DeprecationWarning"
"""It writes metadata with pydantic's old method, and takes an error there for a lost span."""
STUBS = Path(__file__).parent / "stubs"
"""Stand-ins for packages whose weights are not to be had here, with their names and signatures."""


class Backends(NamedTuple):
    """Where the traces of a page go."""

    langsmith: LangSmithCollector
    otlp: OTLPCollector


FACTS = {"name": "Oda Verrin", "building": "lighthouse"}


@pytest.fixture
def provider() -> Iterator[OpenAIServer]:
    """A provider of gpt-5.4-nano, which is wrong about numbers, and of gpt-5.4, which is not."""
    with OpenAIServer() as server:
        server.say("gpt-5.4", "It has 211 steps.")
        server.say("gpt-5.4", "yes", when="Say yes if both answers agree")
        server.say("gpt-5.4", "4.5\nBoth say so.", when="expert evaluation system")
        server.say("gpt-5.4-nano", "Oda Verrin built it.")
        server.say("gpt-5.4-nano", "It has 112 steps.", when="How many steps")
        server.say(None, _object, when=lambda request: request.demands_structure and not request.asks_for_verdict)
        server.say(None, _call, when=_offers_tools)
        server.verdicts("The context says so.\nVerdict: Correct")
        server.say(None, "Correct", when=lambda request: request.asks_for_word)
        server.say(None, _finds_it_wrong, when=_checks_a_wrong_number)
        yield server
    assert not server.errors, server.errors[0]


def _checks_a_wrong_number(request: Request) -> bool:
    return request.asks_for_verdict and "112 steps" in request.text


def _finds_it_wrong(request: Request) -> str:
    return "Incorrect" if request.asks_for_word else "The context says 211.\nVerdict: Incorrect"


def _offers_tools(request: Request) -> bool:
    asked = any(message["role"] == "tool" for message in request.messages)
    return bool(request.tools) and not request.demands_call and not asked


def _call(request: Request) -> Reply:
    """The first tool is called, with arguments made up from its schema."""
    tool = request.tools[0]
    return Reply(calls=((tool["name"], synthesise(tool["parameters"], request.question, request.model)),))


def _object(request: Request) -> Reply:
    """Who built what, as the schema of a page wants it."""
    if request.demands_call:
        tool = request.tools[0]
        fields = {name: FACTS[name] for name in tool["parameters"]["properties"]}
        return Reply(calls=((tool["name"], fields),))
    return Reply(json.dumps(FACTS))


def paste(page: Path, folder: Path, provider: OpenAIServer, **more: str) -> str:
    """What the page prints, in `folder`."""
    reached = {
        "OPENAI_API_KEY": "a-key-for-the-loopback-server",
        "OPENAI_BASE_URL": provider.url,
        "OPENAI_API_BASE": provider.url,
        **more,
    }
    text = page.read_text("utf-8")
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    given = {name: value for name, value in reached.items() if re.search(rf"\b{name}\b", text)}
    if any(re.search(rf"^(from|import) {stub.name}\b", text, re.MULTILINE) for stub in STUBS.iterdir()):
        given["PYTHONPATH"] = str(STUBS)
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-W", OPENINFERENCE, pasted.__file__, str(page)],
        cwd=folder,
        env={**kept, **given, "HOME": str(folder)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def _readme(page: str, printed: str, provider: OpenAIServer, backends: Backends) -> None:
    """The large model is asked only where the draft is wrong."""
    (asked,) = provider.calls("gpt-5.4")
    assert "How many steps" in asked.text


def _recipes(page: str, printed: str, provider: OpenAIServer, backends: Backends) -> None:
    """Each verifier keeps the right draft and rejects the wrong one; nobody else checks anything."""
    assert [line.split()[0] for line in printed.splitlines() if " at " in line] == ["accept", "escalate"] * 5
    assert {check.model for check in provider.calls(verdict=True) if check.body.get("logprobs")} == {"gpt-5.4"}


def _start(page: str, printed: str, provider: OpenAIServer, backends: Backends) -> None:
    """What the first two questions print stands below their block."""
    assert "```text\n" + "\n".join(printed.splitlines()[:4]) + "\n```" in page


def _streams(page: str, printed: str, provider: OpenAIServer, backends: Backends) -> None:
    """What the agent prints stands below its block."""
    assert "```text\n" + "\n".join(printed.splitlines()[-2:]) + "\n```" in page


def _tracing(page: str, printed: str, provider: OpenAIServer, backends: Backends) -> None:
    """The tree on the page is the one that LangSmith gets, and with it Phoenix and Langfuse."""
    root, *_ = backends.langsmith.roots()
    assert f"```text\n{root.drawn()}\n```" in page
    (decided,) = root.find("automix_meta_verifier")
    assert decided.outputs["action"] == "escalate"
    (run,) = root.find("AutoMixChatModel")
    assert all("docs" in node.tags and node.metadata["thread_id"] == "thread-7" for node in run.children)
    tree = re.sub(r" \(\w+\)", "", root.drawn())
    assert [backends.otlp.drawn(one) for one in backends.otlp.roots] == [tree] * 2
    assert backends.otlp.paths == {"/v1/traces", "/api/public/otel/v1/traces"}


def _tracing_queries(page: str, printed: str, provider: OpenAIServer, backends: Backends) -> None:
    """Phoenix gets both queries whole, Langfuse the one after it was set up, each with what dashboards chart."""
    roots = backends.otlp.roots
    assert len({root.id for root in roots}) == 2
    for root in roots:
        tree = backends.otlp.drawn(root)
        assert "SelfVerifier.verify" in tree
        assert "MetaVerifier.meta_verify" in tree
    charted = {
        span.trace: span.attributes["automix_action"]
        for span in backends.otlp.spans
        if span.name.startswith("AutoMixLLM")
    }
    assert sorted(charted.values()) == ["accept", "escalate"]
    assert backends.otlp.paths == {"/v1/traces", "/api/public/otel/v1/traces"}


def _datasets(page: str, printed: str, provider: OpenAIServer, backends: Backends) -> None:
    """The outcome became an example."""
    (example,) = backends.langsmith.examples
    assert example["inputs"]["question"] == "Who built the lighthouse?"
    assert [model["score"] for model in example["metadata"]["models"]][1] == 1.0


MORE: dict[str, Callable[[str, str, OpenAIServer, Backends], None]] = {
    "README.md": _readme,
    "docs/core/recipes.md": _recipes,
    "docs/langchain/datasets.md": _datasets,
    "docs/langchain/streams.md": _streams,
    "docs/langchain/tracing.md": _tracing,
    "docs/start.md": _start,
    "docs/llamaindex/tracing.md": _tracing_queries,
}
"""What must hold after a page besides what its comments say."""


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=() if named(page) in FIRST else pytest.mark.slow) for page in RUNNING], ids=named
)
def test_a_page_runs_as_pasted(page: Path, tmp_path: Path, provider: OpenAIServer) -> None:
    with LangSmithCollector() as collector, DecisionServer() as decisions, OTLPCollector() as spans:
        traced = {"LANGSMITH_TRACING": "true", "LANGSMITH_API_KEY": "a-key", "LANGSMITH_ENDPOINT": collector.root}
        decided = {"TYPESAFE_API_KEY": KEY, "TYPESAFE_BASE_URL": decisions.root}
        langfuse = {"LANGFUSE_PUBLIC_KEY": "pk-lf", "LANGFUSE_SECRET_KEY": "sk-lf", "LANGFUSE_BASE_URL": spans.root}
        exported = {"OTEL_EXPORTER_OTLP_ENDPOINT": spans.root, **langfuse}
        printed = paste(page, tmp_path, provider, **traced, **decided, **exported)
        assert decisions.errors == []
        if more := MORE.get(named(page)):
            more(page.read_text("utf-8"), printed, provider, Backends(collector, spans))


def test_what_must_hold_of_pages_is_about_pages_that_are_there() -> None:
    assert set(MORE) <= {named(page) for page in RUNNING}


@pytest.mark.parametrize("page", RUNNING, ids=named)
def test_a_page_says_first_what_it_needs(page: Path) -> None:
    """What its blocks import beyond the base install stands above its first block, by the name that pip knows."""
    text = page.read_text("utf-8")
    above = text[: text.index("```python")] if page.name != "README.md" else text
    for block in pasted.blocks(text):
        for node in ast.walk(ast.parse(block.text)):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in filter(None, names):
                needed = next((need for module, need in NEEDS.items() if f"{name}.".startswith(f"{module}.")), None)
                assert needed or name.partition(".")[0] in GIVEN, f"{name}: say in NEEDS what brings it"
                assert needed is None or f"`{needed}`" in above, f"{page.name} does not say that it needs {needed}"


@pytest.mark.parametrize("page", RUNNING, ids=named)
def test_a_page_says_first_which_variables_it_needs(page: Path) -> None:
    """Whatever of the environment its blocks can't run without stands above the first one, too."""
    text = page.read_text("utf-8")
    above = text[: text.index("```python")] if page.name != "README.md" else text
    code = "\n".join(block.text for block in pasted.blocks(text))
    for module, variable in VARIABLES.items():
        if re.search(rf"^(from|import) {re.escape(module)}\b", code, re.MULTILINE) and "api_key" not in code:
            assert f"`{variable}`" in above, f"{page.name} does not say that it needs {variable}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_no_page_hides_anything(page: Path) -> None:
    """No set-up in comments (`invisible-code-block`): what a reader does not see does not run."""
    assert "code-block" not in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ("x = 1 / 0\n", "ZeroDivisionError"),
        ("print(1)  # 2\n", "line 3 prints '1', and its comment says '2'"),
        ("print(TOWN)\n", "NameError"),
    ],
)
def test_a_page_that_does_not_hold_is_told(block: str, complaint: str, tmp_path: Path, provider: OpenAIServer) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n```python\n{block}```\n", "utf-8")
    with pytest.raises(AssertionError, match=complaint):
        paste(page, tmp_path, provider)

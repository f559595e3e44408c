"""What holds for the house as a whole: who may import whom, what an import does, and how large a file may be."""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE, LANGCHAIN, LLAMAINDEX, CLI = PACKAGES = ("automix_core", "langchain_automix", "llamaindex_automix", "automix_cli")
MODULES = {package: sorted((ROOT / package).rglob("*.py")) for package in PACKAGES}
MOST_LINES = 450

LANGCHAIN_HOST = ("langchain", "langchain_core", "langchain_openai", "langgraph", "langsmith")
LLAMAINDEX_HOST = ("llama_index",)
UI = ("typer", "rich", "automix_cli")

BLOCK = """
import importlib, importlib.abc, json, pkgutil, sys

class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

package, blocked = sys.argv[1], set(sys.argv[2:])
sys.meta_path.insert(0, Block())
"""

IMPORT_EVERYTHING = """
seen = []
watched = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen", "os.system", "os.posix_spawn")
sys.addaudithook(lambda event, args: seen.append(event) if event in watched else None)
root = importlib.import_module(package)
found = [module.name for module in pkgutil.walk_packages(root.__path__, package + ".")]
names = [package] + [name for name in found if not name.endswith(".__main__")]
for name in names:
    importlib.import_module(name)
print(json.dumps({"names": names, "seen": seen, "loaded": sorted({name.partition(".")[0] for name in sys.modules})}))
"""

CALL_FOR_HELP = """
from automix_cli.app import main
for command in ([], ["doctor"]):
    sys.argv = ["automix", *command, "--help"]
    try:
        main()
    except SystemExit as end:
        assert not end.code, command
assert not blocked & {name.partition(".")[0] for name in sys.modules}
"""


def run(source: str, *arguments: str) -> str:
    """What `source` prints in a process of its own; options of Python (`-W error`) stand first among the arguments."""
    options = list(arguments[:2]) if arguments[:1] == ("-W",) else []
    ran = subprocess.run(
        [sys.executable, *options, "-c", source, *arguments[len(options) :]],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def import_everything(package: str, *blocked: str) -> dict[str, list[str]]:
    """Import `package` and all its modules in a process of its own, in which `blocked` can't be imported."""
    report: dict[str, list[str]] = json.loads(run(BLOCK + IMPORT_EVERYTHING, package, *blocked))
    modules = [path for path in MODULES[package] if path.name != "__main__.py"]
    assert len(report["names"]) == len(modules), "a module was not imported"
    return report


@pytest.mark.parametrize(
    ("package", "blocked"),
    [
        (CORE, (*LANGCHAIN_HOST, *LLAMAINDEX_HOST, *UI, "httpx", "langchain_automix", "llamaindex_automix")),
        (LANGCHAIN, (*LLAMAINDEX_HOST, *UI, "langchain", "langchain_openai", "langgraph", "llamaindex_automix")),
        (LLAMAINDEX, (*LANGCHAIN_HOST, *UI, "langchain_automix")),
    ],
)
def test_a_package_imports_without_what_it_must_not_know(package: str, blocked: tuple[str, ...]) -> None:
    """Each adapter works where the other host is not installed; the core works with neither."""
    loaded = import_everything(package, *blocked)["loaded"]
    assert not set(loaded) & set(blocked)


def test_the_command_line_starts_without_hosts_and_engine() -> None:
    """The base install has neither; commands that need one import it when they run."""
    said = run(BLOCK + CALL_FOR_HELP, CLI, *LANGCHAIN_HOST, *LLAMAINDEX_HOST, "xllamacpp", "bm25s")
    assert "demo" in said


def test_the_core_needs_the_standard_library_and_pydantic_only() -> None:
    """Routing pays for no import of the commands'."""
    assert not set(import_everything(CORE, "scipy")["loaded"]) & {"httpx", "typer", "rich", "requests", "scipy"}
    loaded = json.loads(run("import automix_core, json, sys; print(json.dumps(sorted(sys.modules)))"))
    assert "numpy" not in loaded


@pytest.mark.parametrize("package", PACKAGES)
def test_an_import_calls_nobody(package: str) -> None:
    """No telemetry and no network: importing opens no connection, looks up no name and starts no process."""
    assert import_everything(package)["seen"] == []


def test_import_contracts() -> None:
    """The contracts of pyproject.toml hold, as import-linter reads them."""
    lint_imports = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([lint_imports, "--no-cache"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_typed(package: str) -> None:
    """Type checkers read the annotations of installed packages only where this marker is."""
    assert (ROOT / package / "py.typed").is_file()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_file_can_be_read_in_one_sitting(package: str) -> None:
    """A room has one noun; a file that outgrows this bound has two."""
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in MODULES[package]}
    assert lengths
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_listed_in_order(package: str) -> None:
    """Each `__all__` is sorted as ruff does it (constants, classes, functions), without repetition."""

    def order(name: str) -> tuple[bool, bool, str]:
        return not name.isupper(), not name[0].isupper(), name

    for path in MODULES[package]:
        for names in _dunder_all(path):
            assert names == sorted(set(names), key=order), path


HEAVY = {"langchain_openai", "langchain", "langgraph", "openai", "scipy", *UI}


@pytest.mark.parametrize(
    ("package", "heavy"),
    [
        (CORE, {*HEAVY, *LANGCHAIN_HOST, *LLAMAINDEX_HOST, LANGCHAIN, LLAMAINDEX}),
        (LANGCHAIN, {*HEAVY, *LLAMAINDEX_HOST, LLAMAINDEX, "numpy"}),
        (LLAMAINDEX, {*HEAVY, *LANGCHAIN_HOST, LANGCHAIN}),
    ],
)
def test_public_names_can_be_imported_and_bring_nothing_heavy(package: str, heavy: set[str]) -> None:
    """What `__all__` promises is there, without a warning; a name that is not promised is an AttributeError."""
    names = _dunder_all(ROOT / package / "__init__.py")[0]
    loaded = run(f"from {package} import {', '.join(names)}\nimport sys; print(*sys.modules)", "-W", "error").split()
    assert not heavy & {name.partition(".")[0] for name in loaded}
    with pytest.raises(AttributeError, match="'Nothing'"):
        importlib.import_module(package).Nothing  # noqa: B018
    assert set(names) <= set(dir(importlib.import_module(package)))


PARTS = {
    LANGCHAIN: (
        "from langchain_core.language_models import BaseChatModel\n"
        "from langchain_core.prompts import ChatPromptTemplate, FewShotChatMessagePromptTemplate\n"
        "from langchain_core.callbacks.manager import CallbackManager"
    ),
    LLAMAINDEX: "from llama_index.core.llms import LLM",
}
"""What any model of the framework imports."""
LATE = (
    *("langchain_core.tools", "langchain_core.language_models.llms", "langchain_core.tracers.context"),
    *("tomllib", "automix_core.cascade_file", "automix_core.fitting", "automix_core.evaluation"),
)
"""What only some calls need, and what is slow to load: a file's cascade, tools, models of texts."""


@pytest.mark.parametrize("package", PARTS)
def test_an_import_loads_nothing_of_the_framework_that_only_some_calls_need(package: str) -> None:
    """`StructuredTool` at the top of a file once made the import three times as slow."""
    code = (
        f"import sys\n{PARTS[package]}\nbefore = set(sys.modules)\nimport {package}\nprint(*set(sys.modules) - before)"
    )
    loaded = run(code).split()
    assert f"{package}.call" in loaded
    assert [name for name in loaded if name.startswith(LATE)] == []


def test_use_opens_no_socket_and_leaves_no_thread() -> None:
    said = run(
        "import socket, threading\n"
        "def refuse(*a, **k): raise AssertionError('a socket was opened')\n"
        "socket.socket.connect = refuse\n"
        "from langchain_core.language_models import GenericFakeChatModel as Fake\n"
        "from langchain_core.messages import AIMessage\n"
        "from langchain_automix import AutoMixChatModel\n"
        "fakes = [Fake(messages=iter([AIMessage(t)])) for t in ('draft', 'answer')]\n"
        "llm = AutoMixChatModel(models=fakes, verifier=lambda c, q, a, n: [False] * n)\n"
        "print(llm.invoke('hello').text, threading.active_count())",
        "-W",
        "error",
    )
    assert said.split() == ["answer", "1"]


def _dunder_all(path: Path) -> list[list[str]]:
    """The lists that `path` assigns to `__all__`; none or one in practice."""
    return [
        ast.literal_eval(node.value)
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
    ]

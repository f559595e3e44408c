from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from automix_cli import app as apps
from automix_cli.app import app
from automix_core.errors import ConfigError, DataError


def test_help_imports_no_command_and_no_framework() -> None:
    script = (
        "import sys; from automix_cli.app import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'numpy', 'httpx', 'pydantic', 'langchain_core',"
        " 'llama_index', 'openai', 'xllamacpp'}), [name for name in sys.modules if 'automix_cli.doctor' in name])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[] []"
    assert "doctor" in done.stdout


def test_without_its_extra_the_command_says_in_one_line_what_to_install() -> None:
    script = (
        "import sys; sys.modules.update(dict.fromkeys(('typer', 'rich')))\n"
        "from automix_cli.__main__ import main\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", script, "doctor"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "automix: typer, rich not installed: pip install 'automix-rag[cli]'\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nonsense"], "automix: No such command 'nonsense' (automix --help tells more)"),
        (["docto"], "Did you mean 'doctor'?"),
        (["doctor", "--nonsense"], "automix: No such option: --nonsense (automix doctor --help tells more)"),
        (["doctor", "--weights"], "automix: Option '--weights' requires an argument"),
    ],
)
def test_bad_use_is_one_line_and_exit_code_2(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(app, arguments, prog_name="automix")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert told in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (DataError("outcomes.jsonl, line 3:\n  no id"), 1, "automix: outcomes.jsonl, line 3: no id"),
        (ConfigError("no such model"), 2, "automix: no such model"),
        (
            typer.BadParameter("k must be positive"),
            2,
            "automix: Invalid value: k must be positive (automix doctor --help tells more)",
        ),
    ],
)
def test_errors_become_a_line_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, told: str
) -> None:
    def doctor() -> None:
        raise error

    monkeypatch.setattr(apps, "importlib", SimpleNamespace(import_module=lambda name: SimpleNamespace(doctor=doctor)))
    result = CliRunner().invoke(app, ["doctor"], prog_name="automix")
    assert result.exit_code == code
    assert result.stderr.strip() == told


def test_ctrl_c_ends_with_130_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def doctor() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(apps, "importlib", SimpleNamespace(import_module=lambda name: SimpleNamespace(doctor=doctor)))
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 130
    assert result.stderr.strip() == "automix: interrupted"


def test_every_command_exists() -> None:
    for name in apps._COMMANDS:
        result = CliRunner().invoke(app, [name, "--help"])
        assert result.exit_code == 0, result.output
        assert name in result.stdout


def test_the_version_is_said() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout.startswith("automix ")


def test_nothing_asked_shows_the_help() -> None:
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 2
    assert "doctor" in result.output
    assert "automix: " not in result.stderr


@pytest.mark.parametrize(
    ("words", "offered"),
    [("automix ev", "evaluate"), ("automix evaluate --rep", "--report"), ("automix fit --wor", "--worth")],
)
def test_the_shell_completes_commands_and_their_options(words: str, offered: str) -> None:
    asked = {"_AUTOMIX_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    call = ["-c", "import sys; sys.argv = ['automix']; from automix_cli.__main__ import main; main()"]
    done = subprocess.run(
        [sys.executable, *call], env={**os.environ, **asked}, capture_output=True, text=True, check=False
    )
    assert offered in done.stdout.split(), done.stderr


def test_the_version_stands_in_one_place_and_is_quoted_right() -> None:
    root = Path(__file__).parents[2]
    version = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"\nversion: {version}\n" in (root / "CITATION.cff").read_text("utf-8")

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from automix_cli import doctor as doctors
from automix_cli.app import app
from automix_cli.doctor import examine
from tests.cli.fakes import Play


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *arguments])


@pytest.fixture(autouse=True)
def only_quick_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the frameworks out: importing them takes seconds and is tried in their own tests."""
    monkeypatch.setattr(doctors, "_MODULES", {"pydantic": "pydantic", "numpy": "numpy"})


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """Which version of each package is installed, none of them asked for in particular; a test may change both."""
    versions: dict[str, str | None] = dict.fromkeys(doctors._PACKAGES, "1.0")
    monkeypatch.setattr(doctors, "requires", lambda _: [])
    monkeypatch.setattr(doctors, "_installed", versions.get)
    return versions


def test_absent_weights_are_reported_and_nothing_is_broken(
    stub_engine: Path, installed: dict[str, str | None], cache: Path
) -> None:
    result = run()
    assert result.exit_code == 0
    assert "absent (93 MB to download)" in result.stdout
    assert "can be loaded; not tried on a model" in result.stdout
    assert "automix demo --tiny needs the least" in result.stdout
    assert not list(cache.rglob("*.gguf*"))


def test_json_says_the_same(stub_engine: Path, installed: dict[str, str | None]) -> None:
    found = json.loads(run("--json").stdout)
    assert found["broken"] == []
    assert found["engine"] == {"installed": True, "loads": True, "answers": None}
    assert found["weights"]["qwen2.5-coder-0.5b"]["file"] is None
    assert found["packages"]["numpy"] == {"version": "1.0", "extra": "base", "works": True}


def test_the_engine_is_tried_on_the_weights_there_are(
    stub_engine: Path, installed: dict[str, str | None], tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "qwen2.5-coder-0.5b.gguf").write_bytes(b"GGUF")
    found = json.loads(run("--json", "--weights", str(folder)).stdout)
    assert found["engine"]["answers"] is True
    assert found["engine"]["with"] == str(folder / "qwen2.5-coder-0.5b.gguf")
    assert found["weights"]["smollm2-135m"]["file"] is None
    assert "has no smollm2-135m-instruct-q4_1.gguf" in found["weights"]["smollm2-135m"]["problem"]
    result = run("--weights", str(folder))
    assert "works: loaded qwen2.5-coder-0.5b.gguf" in result.stdout


def test_checked_weights_say_so(
    stub_engine: Path, play: Play, cache: Path, installed: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from automix_cli import weights
    from automix_cli.progress import Quiet

    monkeypatch.setattr(weights, "MODELS", (play.weights,))
    monkeypatch.setattr(weights, "DEFAULT_PAIR", ("toy",))
    weights.ensure([play.weights], None, Quiet())
    monkeypatch.setenv("PYTHONPATH", str(stub_engine.parent / "stubs"))
    found = examine()
    assert found["weights"]["toy"]["checked"] is True
    assert found["advice"] == []


def test_an_engine_that_does_not_run_is_broken(
    stub_engine: Path, installed: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_ENGINE", "absent")
    result = run()
    assert result.exit_code == 1
    assert "does not work" in result.stdout
    assert "the engine can't be loaded" in result.stdout


def test_an_installed_package_that_cannot_be_imported_is_broken(
    stub_engine: Path, installed: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctors, "_MODULES", {"bm25s": "no_such_module"})
    found = examine()
    assert found["packages"]["bm25s"]["works"] is False
    assert found["broken"] == [
        "bm25s is installed but no_such_module can't be imported: ModuleNotFoundError: No module named 'no_such_module'"
    ]
    assert run().exit_code == 1


def test_what_is_missing_comes_with_its_command(installed: dict[str, str | None]) -> None:
    for name, extra in doctors._PACKAGES.items():
        if extra != "base":
            installed[name] = None
    result = run()
    assert result.exit_code == 0
    assert "not installed (extra: demo)" in result.stdout
    assert "pip install 'automix-rag[langchain]'" in result.stdout
    assert "pip install 'automix-rag[all]'" in result.stdout


def test_a_version_out_of_range_is_named(
    stub_engine: Path, installed: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("packaging")
    needs = ["numpy>=1.26", "langchain-core<2,>=1.4; extra == 'langchain'", "scipy; extra == 'dev'"]
    monkeypatch.setattr(doctors, "requires", lambda name: needs)
    installed |= {"numpy": "2.0", "langchain-core": "0.3.1"}
    advice = examine()["advice"]
    assert advice[0] == "langchain-core 0.3.1 is not the version AutoMix needs: pip install 'langchain-core<2,>=1.4'"
    assert not any("numpy" in line for line in advice)


def test_the_report_can_be_pasted_anywhere(
    stub_engine: Path, installed: dict[str, str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "homes" / "ada.lovelace"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("AUTOMIX_CACHE_DIR", str(home / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    monkeypatch.setattr(sys, "executable", sys.executable)
    for said in (run().stdout, run("--json").stdout):
        assert "lovelace" not in said
        assert "very-secret" not in said
        assert "OPENAI_API_KEY" in said
        assert "~/cache" in said.replace("\\\\", "/").replace("\\", "/")


def test_home_is_replaced_only_where_it_is_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    texts: Any = {"a": [f"{tmp_path}/x", f"{tmp_path}", f"{tmp_path}2/x"], "n": 3}
    assert doctors._without_home(texts) == {"a": ["~/x", "~", f"{tmp_path}2/x"], "n": 3}

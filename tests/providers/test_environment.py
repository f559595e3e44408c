"""An environment of `scripts/providers` holds every client that it promises; findings and locks are well formed."""

from __future__ import annotations

import os
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.providers import record
from tests.providers.findings import FINDINGS, Finding, read

REQUIREMENTS = Path(__file__).with_name("requirements")


@pytest.mark.skipif("PROVIDERS_ENVIRONMENT" not in os.environ, reason="only scripts/providers makes environments")
def test_every_client_of_the_environment_is_installed() -> None:
    written = (REQUIREMENTS / f"{os.environ['PROVIDERS_ENVIRONMENT']}.in").read_text("utf-8")
    names = re.findall(r"^[a-z][\w-]+", written, re.MULTILINE)
    assert len(names) > 3
    assert all(version(name) for name in names)


@pytest.mark.skipif("PROVIDERS_ENVIRONMENT" not in os.environ, reason="only scripts/providers makes environments")
@pytest.mark.skipif("PROVIDERS_RECORD" in os.environ, reason="it is being written")
def test_the_record_is_of_the_cells_that_there_are(request: pytest.FixtureRequest) -> None:
    """Whoever adds a client or a test writes the record anew: scripts/providers --record."""
    if request.config.getoption("keyword") or any("::" in argument for argument in request.config.args):
        pytest.skip("only some of the cells were asked for")
    there = record.counted(filter(None, map(record.cell_of, request.session.items)))
    kept = record.read(os.environ["PROVIDERS_ENVIRONMENT"]).cells
    assert _tried(kept) == _tried(there)


def _tried(cells: record.Cells) -> dict[tuple[str, str], int]:
    return {(client, test): tried for client, tests in cells.items() for test, (tried, _) in tests.items()}


@pytest.mark.skipif("PROVIDERS_RECORD" in os.environ, reason="it is being written")
def test_every_cell_of_the_record_is_of_a_kind_and_what_failed_is_a_finding() -> None:
    known = {name for names in record.KINDS.values() for name in names}
    for path in sorted(record.FOLDER.glob("*.json")):
        for client, tests in record.read(path.stem).cells.items():
            assert set(tests) <= known, client
            for test, (tried, held) in tests.items():
                cell = f"{path.stem.partition('-')[0]}/{test}:{client}-"
                assert held == tried or any(finding.startswith(cell) for finding in FINDINGS), cell


def test_a_record_is_read_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [record.Cell("b", "t", True), record.Cell("b", "t"), record.Cell("a", "u", True)]
    kept = record.Record("2026-11-26", record.counted(cells))
    monkeypatch.setattr(record, "FOLDER", tmp_path)
    (tmp_path / "some.json").write_text(record.written(kept), "utf-8")
    assert record.read("some") == kept
    assert kept.cells == {"a": {"u": (1, 1)}, "b": {"t": (2, 1)}}


def test_a_finding_is_a_sentence_over_its_cells() -> None:
    found = read("# one\na/b:c\n\n# two\n! a/d:*\n")
    assert found == {"a/b:c": Finding("one"), "a/d:*": Finding("two", run=False)}
    assert all(re.match(r"(langchain|llamaindex)/test_\w+:\S*$", cell) for cell in FINDINGS)
    assert all(finding.words for finding in FINDINGS.values())


def test_a_lock_file_names_no_index() -> None:
    locks = sorted(REQUIREMENTS.glob("*.lock"))
    assert 1 <= len(locks) <= 4
    for lock in locks:
        text = lock.read_text("utf-8")
        assert not re.search(r"^--|://", text, re.MULTILINE)
        assert text.count("--hash=sha256:") > 50

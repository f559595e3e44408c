"""The notebooks run from the top, and the outputs kept in their files are what a run gives.

What answers is the server here, as the notebooks say: its small model is wrong about numbers.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.loopback import OpenAIServer

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.ipynb"))
MODELS = {"SMALL_MODEL": "scripted-small", "LARGE_MODEL": "scripted-large"}
REWRITE = "AUTOMIX_REWRITE_NOTEBOOKS"
"""Set, it makes the test keep the outputs of this run in the files."""


def provider(server: OpenAIServer) -> None:
    """The large model knows both answers; the small one only who built it, and its checks find that out."""
    server.say("scripted-large", "Oda Verrin built it.")
    server.say("scripted-large", "It has 211 steps.", when="How many steps")
    server.say("scripted-small", "Oda Verrin built it.")
    server.say("scripted-small", "It has 112 steps.", when="How many steps")
    server.verdicts("The context says so.\nVerdict: Correct")
    server.say(None, "The context says 211.\nVerdict: Incorrect", when=lambda r: r.asks_for_verdict and "112" in r.text)


def outputs(notebook: Any) -> list[str]:
    """What each cell shows, without what differs from run to run: seconds and ids."""
    shown = []
    for cell in notebook.cells:
        texts = [str(one.get("text") or one.get("data", {}).get("text/plain", "")) for one in cell.get("outputs", [])]
        shown.append(re.sub(r"\b[0-9a-f]{32}\b|\b\d+\.\d+ s\b", "...", "".join(texts)).strip())
    return shown


@pytest.mark.slow
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_gives_the_outputs_that_it_keeps(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.read(file, as_version=4)
    kept = outputs(notebook)
    with OpenAIServer() as server:
        provider(server)
        given = {"OPENAI_API_KEY": "loopback", "OPENAI_BASE_URL": server.url, "OPENAI_API_BASE": server.url, **MODELS}
        for name, value in {**given, "HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path)}.items():
            monkeypatch.setenv(name, value)
        place = {"metadata": {"path": str(tmp_path)}}
        nbclient.NotebookClient(notebook, timeout=200, kernel_name="python3", resources=place).execute()
        assert not server.errors, server.errors[0]
    if REWRITE in os.environ:
        for number, cell in enumerate(notebook.cells, start=1):
            cell.metadata.pop("execution", None)
            cell.id = f"cell-{number}"
        nbformat.write(notebook, file)
        kept = outputs(notebook)
    assert outputs(notebook) == kept


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_says_first_what_answered(file: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(file, as_version=4)
    assert "What answers in the outputs below is not a language model" in notebook.cells[0].source
    shown = outputs(notebook)
    assert shown[1].startswith("scripted-small and scripted-large, by the server named in ")
    assert all(cell.outputs for cell in notebook.cells if cell.cell_type == "code" and "print(" in cell.source)
    assert not any(one.output_type == "error" for cell in notebook.cells for one in cell.get("outputs", []))


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) == 3

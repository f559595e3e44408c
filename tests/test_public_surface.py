"""What the project promises: the names in `__all__`, and that docs teach nothing deeper."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "docs").rglob("*.ipynb"))]
OF_PAGES = [file for file in sorted((ROOT / "tests" / "docs").glob("*.py")) if file.name != "test_providers_page.py"]
"""Tests of the pages; the one left out holds a page to a table inside the adapters."""

BOTH = {"Audit", "SelfVerifier", "TokenVerifier", "collect_routes", "route_of"}
PUBLIC = {
    "automix_core": {
        *("State", "Tally", "Decision", "Policy", "Draft", "Verify", "Measure", "Accept", "Finish"),
        *("Always", "Threshold", "Band", "Mixture", "Share", "POMDP", "load_policy", "save_policy"),
        *("fit", "Objective", "evaluate", "explain", "solve", "Problem", "ObservationModel"),
        *("read_outcomes", "read_questions", "Outcome", "Question", "VerdictCost"),
        *("Price", "Route", "CheckFunction", "Breaker", "Limiter", "summary", "score", "DriftMonitor", "Reloading"),
        *("AutoMixError", "ConfigError", "DataError", "EngineError", "ModelError", "PolicyError", "QueryError"),
        *("LimitError", "TimeLimitError", "CostLimitError"),
    },
    "langchain_automix": {*BOTH, "AutoMixChatModel", "MetaVerifier", "with_context"},
    "llamaindex_automix": {*BOTH, "AutoMixLLM", "AutoMixRoutingEvent"},
    "automix_cli": set(),
}
"""A name that is added here is promised to users; one that is taken away breaks them."""

DEEPER = re.compile(r"(automix_core|langchain_automix|llamaindex_automix|automix_cli)\.(?!(testing|adapter)$)")


@pytest.mark.parametrize("package", PUBLIC)
def test_the_public_names_are_these_and_no_others(package: str) -> None:
    module = importlib.import_module(package)
    assert set(module.__all__) == PUBLIC[package]
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("page", [*PAGES, *OF_PAGES], ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_teach_no_deeper_path(page: Path) -> None:
    """A module inside a package may move; only what stands in `__all__` stays where it is.

    `automix_core.testing` and `automix_core.adapter` are faces of their own, for whoever extends the project.
    """
    assert deeper(page.read_text("utf-8")) == []


def deeper(text: str) -> list[str]:
    """The modules inside our packages that lines of code in `text` import; a notebook has them in quotes."""
    return [name for name in re.findall(r'^[\s"]*(?:from|import) ([\w.]+)', text, re.MULTILINE) if DEEPER.match(name)]


@pytest.mark.parametrize("package", PUBLIC)
def test_each_package_says_that_the_rest_is_private(package: str) -> None:
    said = " ".join((importlib.import_module(package).__doc__ or "").split())
    assert "in `__all__` are the public ones" in said or "is imported by nobody" in said


@pytest.mark.parametrize("name", ["automix_core.routing", "automix_core.policies.saving", "langchain_automix.call"])
def test_deeper_paths_are_recognised(name: str) -> None:
    assert DEEPER.match(name)
    assert not DEEPER.match(name.partition(".")[0])
    assert not DEEPER.match("automix_core.testing")
    assert deeper(f"    from {name} import x") == deeper(f'    "import {name}\\n",') == [name]

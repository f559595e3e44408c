"""The outcomes of a run as one small JSON object, and that as the tables of the documentation.

    python -m benchmarks.faults.table

writes the tables of the saved result into the page "Promises".
"""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .cell import GRADES, Outcome
from .server import STEPS, Step
from .ways import FRAMEWORKS, Setting, ways_of

RESULT = Path(__file__).with_name("result.json")
PAGE = Path(__file__).parents[2] / "docs" / "promises.md"
BEGIN, END = "<!-- faults -->", "<!-- the end of faults -->"
PACKAGES = (
    *(
        "langchain-core",
        "langchain-openai",
        "llama-index-core",
        "llama-index-llms-openai",
        "llama-index-llms-openai-like",
    ),
    "openai",
)
NAMES = {"langchain": "LangChain", "llamaindex": "LlamaIndex"}
HEADS: dict[Step, str] = {"draft": "draft", "checks": "checks", "answer": "last model"}
FALLEN = "EUL"
"""Grades that are no answer; of a draft or its checks they break the promise."""


def digest(setting: Setting, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What a run of one setting says: a letter a cell, in the order of the ways, and the extremes."""
    found = {(o.fault, o.step, o.way): o for o in outcomes}
    cells = {
        name: {
            step: {frame: "".join(found[name, step, way.name].grade for way in ways_of(frame)) for frame in FRAMEWORKS}
            for step in STEPS
        }
        for name in dict.fromkeys(o.fault for o in outcomes)
    }
    real = [o for o in outcomes if o.grade != "-"]
    most = {
        frame: max(o.asked[1] for o in real if o.way in {way.name for way in ways_of(frame)}) for frame in FRAMEWORKS
    }
    return {
        "children": dict(setting.child),
        "cascade": dict(setting.cascade),
        "cells": cells,
        "most_requests_for_checks": most,
        "longest_seconds": max(o.seconds for o in real),
        "without_a_route": sorted(f"{o.fault}, {o.step}, {o.way}" for o in real if not o.books and o.grade != "L"),
    }


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """A result of which some faults were run again."""
    most = "most_requests_for_checks"
    return {
        **new,
        "cells": {**old["cells"], **new["cells"]},
        most: {frame: max(old[most][frame], new[most][frame]) for frame in FRAMEWORKS},
        "longest_seconds": max(old["longest_seconds"], new["longest_seconds"]),
        "without_a_route": sorted({*old["without_a_route"], *new["without_a_route"]}),
    }


def about() -> dict[str, Any]:
    """When and with what."""
    return {
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def save(found: dict[str, Any], path: Path = RESULT) -> None:
    """Write a result, a fault a line."""
    text = json.dumps(found, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", "utf-8")


def load(path: Path = RESULT) -> dict[str, Any]:
    """Read one."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def letters(cells: dict[str, Any], step: Step) -> Counter[str]:
    """How often each grade came in one step."""
    return Counter("".join("".join(by_step[step].values()) for by_step in cells.values()))


def exceptions(cells: dict[str, Any], grades: str = FALLEN, steps: Iterable[Step] = ("draft", "checks")) -> list[str]:
    """The cells that were no answer, in words: fault, step, framework and ways."""
    found = []
    for name, by_step in cells.items():
        for step in steps:
            for frame in FRAMEWORKS:
                told = by_step[step][frame]
                ways = [way.name for way, letter in zip(ways_of(frame), told, strict=True) if letter in grades]
                if ways:
                    some = "" if len(ways) == len(told) else f" ({', '.join(ways)})"
                    found.append(f"{name}: {HEADS[step]}, {NAMES[frame]}{some}")
    return found


def counts(cells: dict[str, Any]) -> str:
    """A table of grades by step."""
    used = [grade for grade in GRADES if any(grade in letters(cells, step) for step in STEPS)]
    head = ["| step | " + " | ".join(f"`{grade}`" for grade in used) + " |", "|---|" + "---|" * len(used)]
    rows = [
        f"| {HEADS[step]} | " + " | ".join(str(letters(cells, step)[grade]) for grade in used) + " |" for step in STEPS
    ]
    return "\n".join([*head, *rows])


def grid(cells: dict[str, Any]) -> str:
    """A row a fault, a column a step and framework, a letter a way; one letter where all ways are alike."""
    columns = [(step, frame) for step in STEPS for frame in FRAMEWORKS]
    head = "| fault | " + " | ".join(f"{HEADS[step]}, {NAMES[frame]}" for step, frame in columns) + " |"
    rows = [
        f"| {name} | " + " | ".join(f"`{_short(by_step[step][frame])}`" for step, frame in columns) + " |"
        for name, by_step in cells.items()
    ]
    return "\n".join([head, "|---|" + "---|" * len(columns), *rows])


def _short(told: str) -> str:
    return told[0] if len(set(told)) == 1 else told


def legend() -> str:
    """What the letters mean."""
    return "\n".join(f"- `{grade}`: {words}" for grade, words in GRADES.items())


def section(result: dict[str, Any]) -> str:
    """What the documentation shows of a result."""
    packages = ", ".join(f"{name} {number}" for name, number in result["packages"].items())
    parts = [
        f"Measured on {result['date']} with Python {result['python']}, {packages}. A letter is one way of asking, in"
    ]
    parts[0] += " the order " + "; ".join(
        f"{NAMES[frame]}: {', '.join(f'`{way.name}`' for way in ways_of(frame))}" for frame in FRAMEWORKS
    )
    parts[0] += ". One letter stands for all where they are alike:"
    parts.append(legend())
    for found in result["settings"].values():
        parts += [f"### {title(found)}", counts(found["cells"]), facts(found), grid(found["cells"])]
    return "\n\n".join(parts)


def title(found: dict[str, Any]) -> str:
    """How children and cascade were made."""

    def keywords(given: dict[str, Any]) -> str:
        return ", ".join(f"{name}={value}" for name, value in given.items())

    children = f"Children with `{keywords(found['children'])}`" if found["children"] else "Children as they come"
    return f"{children}, the cascade with `{keywords(found['cascade'])}`" if found["cascade"] else children


def facts(found: dict[str, Any]) -> str:
    """The extremes, and the drafts and checks that broke the promise."""
    most = " and ".join(f"{number} in {NAMES[frame]}" for frame, number in found["most_requests_for_checks"].items())
    broken = exceptions(found["cells"])
    unmarked = exceptions(found["cells"], "UL", ["answer"])
    lines = [
        f"Most requests for the eight checks of one question: {most}. "
        f"Longest question: {found['longest_seconds']:g} s. Calls without a route: {len(found['without_a_route'])}.",
        _listed("Broken drafts or checks that cost the answer, or made it a stranger's", broken),
        _listed("Last models whose answer was passed on unmarked, or never came", unmarked),
    ]
    return "\n\n".join(lines)


def _listed(head: str, items: Sequence[str]) -> str:
    return f"{head}: none." if not items else f"{head}:\n\n" + "\n".join(f"- {item}" for item in items)


def rewrite(page: Path) -> None:
    """Put the tables into the documentation, between their marks."""
    head, begin, rest = page.read_text("utf-8").partition(BEGIN)
    _, end, tail = rest.partition(END)
    page.write_text(f"{head}{begin}\n\n{section(load())}\n\n{end}{tail}", "utf-8")


if __name__ == "__main__":
    rewrite(PAGE)

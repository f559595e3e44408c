"""No room and no file leads back to itself, whether by a plain import, one in a function, or one for type checkers."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.house import PACKAGES, arrows_up, circles, floors, of_files, of_rooms, plan, twins

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_circle_of_files_or_of_rooms(package: str) -> None:
    """What can't be read without each other should be one file; mostly one of the two takes more than it uses."""
    found = plan(ROOT, package)
    assert found.rooms > 1
    assert (found.circles, found.knots, found.arrows_up) == ([], [], 0)


def test_few_lines_are_an_async_copy_of_others() -> None:
    """What both colours do stands once, in generators; what is left drives them, a hundredth of all lines at most."""
    lines = sum(plan(ROOT, package).lines for package in PACKAGES)
    assert sum(pair.lines for package in PACKAGES for pair in twins(ROOT, package)) <= lines / 100


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root.joinpath("house", *name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    (root / "house" / "__init__.py").write_text("from .attic import roof\n", "utf-8")


@pytest.mark.parametrize(
    "back",
    [
        "from ..attic import roof",
        "import house.attic",
        "def late():\n    from ..attic import roof",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .. import attic",
    ],
)
def test_a_circle_is_found_however_it_is_closed(tmp_path: Path, back: str) -> None:
    write(
        tmp_path,
        attic="from .hall.stairs import up\nroof = 1",
        hall__stairs="up = 1",
        cellar="from .hall import stairs",
    )
    assert circles(of_files(tmp_path, "house")) == []
    assert floors(of_rooms(of_files(tmp_path, "house"), "house")) == 2
    write(tmp_path, hall__stairs=back)
    files = of_files(tmp_path, "house")
    assert circles(files) == [["house.attic", "house.hall.stairs"]]
    rooms = of_rooms(files, "house")
    assert circles(rooms) == [["attic", "hall"]]
    assert len(arrows_up(rooms)) == 1


def test_the_fewest_arrows_up_are_counted() -> None:
    rooms = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"a"}, "e": {"a"}}
    assert arrows_up(rooms) == {("a", "b")}
    assert floors(rooms) == 3


def test_twins_are_found_and_strangers_are_not(tmp_path: Path) -> None:
    same = "    with closing(it) as open:\n        x = {0}get(open)\n        return x\n"
    write(
        tmp_path,
        hall="def ask(it):\n"
        + same.format("")
        + "async def aask(it):\n    'docs'\n"
        + same.format("await a")
        + "def go():\n    a = 1\n    return a\nasync def ago():\n    print(2)\n    raise ValueError\n",
    )
    (pair,) = twins(tmp_path, "house")
    assert (pair.name, pair.copy, pair.lines, pair.alike) == ("ask", "aask", 5, 1.0)

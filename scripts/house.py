"""The house as its imports draw it: rooms, floors, arrows, arrows up and circles of each package, and twins.

    python scripts/house.py [ROOT] [--json]

A room is what stands directly in a package: a module, or a folder with all that is in it. An arrow goes from a room to
one that it imports, whether at the top of a file, inside a function or for type checkers only: each means that the
one can't be understood without the other. A room stands on the floor above the highest one it imports. An arrow up is
one of the fewest that would have to go for no room to lead back to itself; a circle is a set of rooms, or of files,
that do. Twins are a function and its async copy whose bodies differ in little more than `await`.
"""

from __future__ import annotations

import argparse
import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path
from typing import TypeAlias

PACKAGES = ("automix_core", "langchain_automix", "llamaindex_automix", "automix_cli")

Graph: TypeAlias = dict[str, set[str]]

_ALIKE, _SHORTEST = 0.8, 2


@dataclass(frozen=True)
class Plan:
    """What one package looks like; `circles` are of rooms, `knots` of files."""

    package: str
    files: int
    lines: int
    rooms: int
    floors: int
    arrows: int
    arrows_up: int
    circles: list[list[str]]
    knots: list[list[str]]


@dataclass(frozen=True)
class Twins:
    """A function and its async copy: how many lines the copy has, and how alike the two are."""

    file: str
    name: str
    copy: str
    lines: int
    alike: float


def modules(root: Path, package: str) -> dict[str, Path]:
    """The package's modules by their full names; a folder's `__init__` bears the folder's name."""
    found = {}
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: Mapping[str, Path]) -> set[str]:
    """The modules of `known` that the module `name` imports, wherever in the file."""
    base = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = base.split(".")[: len(base.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inside = f"{source}.{alias.name}"
                found.add(inside if inside in known else source)
    return {module for module in found if module in known} - {name}


def of_files(root: Path, package: str) -> Graph:
    """Which file imports which."""
    known = modules(root, package)
    return {name: imports(name, path, known) for name, path in known.items()}


def of_rooms(files: Graph, package: str) -> Graph:
    """Which room imports which. The package's own face, which hands names on, is no room."""

    def room(module: str) -> str:
        return module.removeprefix(package + ".").partition(".")[0]

    rooms: Graph = {room(module): set() for module in files if module != package}
    for module, targets in files.items():
        if module != package:
            rooms[room(module)] |= {room(target) for target in targets if target != package}
    return {name: targets - {name} for name, targets in rooms.items()}


def circles(graph: Graph) -> list[list[str]]:
    """The sets of nodes that lead back to themselves, by Tarjan's algorithm; none in a house that is in order."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(graph[node]):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            members = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(members) > 1:
                found.append(sorted(members))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return sorted(found)


def arrows_up(graph: Graph) -> set[tuple[str, str]]:
    """The fewest arrows without which there is no circle."""
    up: set[tuple[str, str]] = set()
    for members in circles(graph):
        inside = [(a, b) for a in members for b in sorted(graph[a]) if b in members]
        for size in range(1, len(inside) + 1):
            found = next(
                (cut for cut in combinations(inside, size) if not circles(_without(graph, members, cut))), None
            )
            if found:
                up |= set(found)
                break
    return up


def _without(graph: Graph, members: list[str], cut: tuple[tuple[str, str], ...]) -> Graph:
    return {a: {b for b in graph[a] if b in members and (a, b) not in cut} for a in members}


def floors(graph: Graph) -> int:
    """How many storeys the rooms need, arrows up aside."""
    up = arrows_up(graph)
    height: dict[str, int] = {}

    def of(node: str) -> int:
        if node not in height:
            height[node] = 1 + max((of(target) for target in graph[node] if (node, target) not in up), default=0)
        return height[node]

    return max(map(of, graph), default=0)


def plan(root: Path, package: str) -> Plan:
    """The figures of one package."""
    files = of_files(root, package)
    rooms = of_rooms(files, package)
    paths = modules(root, package).values()
    return Plan(
        package=package,
        files=len(files),
        lines=sum(len(path.read_text("utf-8").splitlines()) for path in paths),
        rooms=len(rooms),
        floors=floors(rooms),
        arrows=sum(map(len, rooms.values())),
        arrows_up=len(arrows_up(rooms)),
        circles=circles(rooms),
        knots=circles(files),
    )


def twins(root: Path, package: str) -> Iterator[Twins]:
    """The pairs of a function and its async copy, three lines or more, that are alike."""
    for path in modules(root, package).values():
        tree = ast.parse(path.read_text("utf-8"))
        scopes: list[ast.Module | ast.ClassDef] = [tree]
        scopes += [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        for scope in scopes:
            plain = {node.name: node for node in scope.body if isinstance(node, ast.FunctionDef)}
            for node in scope.body:
                if not isinstance(node, ast.AsyncFunctionDef) or (twin := _twin(node.name, plain)) is None:
                    continue
                a, b = _body(twin), _body(node)
                alike = SequenceMatcher(None, a, b, autojunk=False).ratio()
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if len(b) >= _SHORTEST and alike >= _ALIKE:
                    yield Twins(str(path.relative_to(root)), twin.name, node.name, lines, round(alike, 2))


def _twin(name: str, plain: Mapping[str, ast.FunctionDef]) -> ast.FunctionDef | None:
    bare = name.lstrip("_")
    names = [name.replace(bare, bare[1:])] if bare.startswith("a") else []
    return next((plain[each] for each in [*names, name.removesuffix("_async")] if each in plain), None)


def _body(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The lines of a function without its signature and docstring, and without what makes it async."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    text = "\n".join(ast.unparse(_Plain().visit(node)) for node in body)
    return text.splitlines()


class _Plain(ast.NodeTransformer):
    def visit_Await(self, node: ast.Await) -> ast.AST:
        return self.visit(node.value)  # type: ignore[no-any-return]

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        return self.generic_visit(ast.For(**dict(ast.iter_fields(node)), lineno=0))

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        return self.generic_visit(ast.With(**dict(ast.iter_fields(node)), lineno=0))

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self.generic_visit(ast.FunctionDef(**dict(ast.iter_fields(node)), lineno=0))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(_plain(node.id), node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return ast.Attribute(self.visit(node.value), _plain(node.attr), node.ctx)


def _plain(name: str) -> str:
    """`aclosing` is `closing`, `_aperform` is `_perform`, as far as twins go; so is every name that begins with a."""
    bare = name.lstrip("_")
    return name.replace(bare, bare[1:], 1) if bare.startswith("a") and len(bare) > 3 else name


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).parents[1])
    parser.add_argument("--json", action="store_true", help="all figures, circles and twins as JSON")
    asked = parser.parse_args()
    plans = [plan(asked.root, package) for package in PACKAGES]
    pairs = [pair for package in PACKAGES for pair in twins(asked.root, package)]
    if asked.json:
        print(json.dumps({"packages": [asdict(p) for p in plans], "twins": [asdict(p) for p in pairs]}, indent=1))
        return
    print(
        f"{'package':<20}{'files':>7}{'lines':>7}{'rooms':>7}{'floors':>8}{'arrows':>8}{'up':>5}{'circles':>9}{'knots':>7}"
    )
    for p in plans:
        figures = f"{p.files:>7}{p.lines:>7}{p.rooms:>7}{p.floors:>8}{p.arrows:>8}{p.arrows_up:>5}"
        print(f"{p.package:<20}{figures}{len(p.circles):>9}{len(p.knots):>7}")
    for p in plans:
        for members in [*p.circles, *p.knots]:
            print(f"circle in {p.package}: {' <-> '.join(members)}")
    print(f"sync and async twins: {len(pairs)} pairs, {sum(pair.lines for pair in pairs)} lines")
    for pair in sorted(pairs, key=lambda pair: -pair.lines):
        print(f"  {pair.lines:>3} lines, {pair.alike:.2f} alike: {pair.file}: {pair.name}, {pair.copy}")


if __name__ == "__main__":
    main()

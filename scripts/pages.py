"""Write the pages that are made of the code: commands, parameters, the public names.

    python scripts/pages.py           write them
    python scripts/pages.py --check   exit with 1 and name the pages that are not what would be written

A test holds them to it, so a changed option, default or docstring is written down with this script.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PACKAGES = {
    "automix_core": ("core", "What any framework needs: policies, fitting, outcomes, prices, routes, errors."),
    "langchain_automix": ("langchain", "The LangChain adapter. It needs the extra `langchain`."),
    "llamaindex_automix": ("llamaindex", "The LlamaIndex adapter. It needs the extra `llamaindex`."),
}
TABLES = {
    "langchain": ("langchain_automix", "AutoMixChatModel", "SelfVerifier", "TokenVerifier", "MetaVerifier", "Audit"),
    "llamaindex": ("llamaindex_automix", "AutoMixLLM", "SelfVerifier", "TokenVerifier", "Audit"),
}
"""The page's folder; the package and the classes whose keywords it lists."""
MADE = "<!-- Made by scripts/pages.py: change the code, then run it. -->"
LONG = 40
"""Characters of a default beyond which it is only said to be built in."""


def pages() -> dict[Path, str]:
    """Every page that is made, by its path."""
    made = {DOCS / "cli" / "reference.md": commands()}
    for folder in TABLES:
        made[DOCS / folder / "parameters.md"] = parameters(folder)
    for package, (name, about) in PACKAGES.items():
        made[DOCS / "api" / f"{name}.md"] = names(package, about)
    return made


def commands() -> str:
    """Each command with its arguments and options, as the typer app has them."""
    app = importlib.import_module("automix_cli.app")
    parts = [
        MADE,
        "# Commands and options",
        "Every command of `automix` with all that it takes. For whoever knows what to do and not what it is called; "
        "the extra `cli` brings it, the extra `serve` what `serve` needs, the extra `demo` the engine of the demo. "
        "`automix COMMAND --help` says the same.",
    ]
    for name in app._COMMANDS:
        parts += command(name)
    return _page(parts)


def command(name: str) -> Iterator[str]:
    """The section of a command, read from the signature of its function."""
    function = getattr(importlib.import_module(f"automix_cli.{name}.command"), name)
    hints = get_type_hints(function, include_extras=True)
    taken = [(each, *_told(hints[each.name])) for each in inspect.signature(function).parameters.values()]
    taken = [(each, kind, info) for each, kind, info in taken if not info.hidden]
    arguments = [(each, info) for each, _, info in taken if type(info).__name__ == "ArgumentInfo"]
    options = [(each, kind, info) for each, kind, info in taken if type(info).__name__ == "OptionInfo"]
    placed = [_placed(each, info) for each, info in arguments]
    yield f"## automix {name}"
    yield _flowing(function.__doc__ or "")
    yield f"```text\n{' '.join(['automix', name, *(['[OPTIONS]'] if options else []), *placed])}\n```"
    if arguments:
        rows = [(f"`{shown}`", _flowing(info.help or "")) for shown, (_, info) in zip(placed, arguments, strict=True)]
        yield _table(("argument", "means"), rows)
    if options:
        told = [(_spelt(each, kind, info), _flowing(info.help or ""), _value(each)) for each, kind, info in options]
        yield _table(("option", "means", "default"), told)


def _told(hint: Any) -> tuple[Any, Any]:
    """A parameter's type and what typer is told of it."""
    kind, *more = get_args(hint)
    return kind, more[-1]


def _placed(parameter: inspect.Parameter, info: Any) -> str:
    shown = str(info.metavar or parameter.name).upper().strip("[]")
    return shown if parameter.default is parameter.empty else f"[{shown}]"


def _spelt(parameter: inspect.Parameter, kind: Any, info: Any) -> str:
    """The option's names; in an Annotated, typer takes the first of them for what stands at a default's place."""
    plain = [each for each in get_args(kind) if each is not type(None)] if get_args(kind) else [kind]
    own = f"--{parameter.name.replace('_', '-')}"
    given = [each for each in (info.default, *(info.param_decls or ())) if isinstance(each, str)]
    if bool in plain:
        both = [name for each in given for name in each.split("/")] or [own, own.replace("--", "--no-", 1)]
        return ", ".join(f"`{name}`" for name in both)
    value = info.metavar or {"int": "INTEGER", "float": "NUMBER", "Path": "PATH"}.get(plain[0].__name__, "TEXT")
    return ", ".join(f"`{name} {value.strip('<>')}`" for name in given or [own])


def _value(parameter: inspect.Parameter) -> str:
    default = parameter.default
    if default is parameter.empty:
        return "required"
    if default is True:
        return "yes"
    if isinstance(default, tuple):
        default = " ".join(f"{each:g}" for each in default)
    return f"`{getattr(default, 'value', default)}`" if default not in (None, False, "", []) else ""


def parameters(folder: str) -> str:
    """The keywords of an adapter's classes: type, default, and what they mean."""
    package, *classes = TABLES[folder]
    module = importlib.import_module(package)
    framework = {"langchain": "LangChain", "llamaindex": "LlamaIndex"}[folder]
    parts = [
        MADE,
        f"# Parameters in {framework}",
        f"Every keyword of {framework}'s classes, from their signatures and docstrings. For looking things up; it "
        f"needs the extra `{folder}`. [The API](../api/{folder}.md) has the rest.",
    ]
    for name in classes:
        kind = getattr(module, name)
        rows = [
            (f"`{each.name}`", _meaning(kind, each.name), _default(each), f"`{_type(each)}`")
            for each in inspect.signature(kind.__init__).parameters.values()
            if each.name != "self" and each.kind is not each.VAR_KEYWORD
        ]
        parts += [f"## {name}", _flowing((inspect.getdoc(kind) or "").partition("\n\n")[0])]
        parts.append(_table(("keyword", "means", "default", "type"), rows))
    return _page(parts)


def _type(parameter: inspect.Parameter) -> str:
    shown = (
        parameter.annotation
        if isinstance(parameter.annotation, str)
        else inspect.formatannotation(parameter.annotation)
    )
    return re.sub(r"\s*\|\s*", " or ", shown)


def _default(parameter: inspect.Parameter) -> str:
    if parameter.default is parameter.empty:
        return "required"
    shown = str(parameter.default) if hasattr(parameter.default, "value") else repr(parameter.default)
    return f"`{shown}`" if len(shown) <= LONG and "object at" not in shown else "built in"


def _meaning(kind: type, name: str) -> str:
    """What the docstring beneath a field says, in the class or in one of ours that it derives from."""
    for base in kind.__mro__:
        if "automix" in base.__module__ and (said := _fields(base).get(name)) is not None:
            return _flowing(said)
    if isinstance(own := inspect.getattr_static(kind, name, None), property):
        return _flowing(own.__doc__ or "")
    if name in getattr(kind, "model_fields", {}):
        return "The framework's own."
    return _sentence(kind, name)


def _sentence(kind: type, name: str) -> str:
    """The sentence of the class's docstring that is about a keyword, which stands in it between backticks."""
    text = _flowing(inspect.getdoc(kind) or "")
    found = [each for each in re.split(r"(?<=[.:;])\s+(?=[`A-Z])", text) if re.search(rf"`{name}[`=]", each)]
    return found[0].rstrip(";") if found else ""


def _fields(kind: type) -> dict[str, str]:
    """The docstrings beneath the fields of a class, as its source has them."""
    try:
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except (OSError, TypeError):
        return {}
    if not isinstance(body, ast.ClassDef):
        return {}
    found: dict[str, str] = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                found[name] = said
    return found


def names(package: str, about: str) -> str:
    """The public names of a package, each a place that mkdocstrings fills from its docstring."""
    public = importlib.import_module(package).__all__
    parts = [
        MADE,
        f"# {package}",
        f"{about} Every public name with its docstring and signature, for looking things up; what else is in the "
        "package may move.",
    ]
    return _page(parts + [f"::: {package}.{name}" for name in sorted(public, key=str.lower)])


def _flowing(text: str) -> str:
    """On one line, for a cell of a table, without the marks that Sphinx reads."""
    return " ".join(text.split()).replace("|", "or").replace("``", "`")


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _page(parts: list[str]) -> str:
    return "\n\n".join(parts) + "\n"


def stale(made: Callable[[], dict[Path, str]] = pages) -> list[str]:
    """The pages that are not what would be written."""
    return [
        str(path.relative_to(ROOT))
        for path, text in made().items()
        if not path.is_file() or path.read_text("utf-8") != text
    ]


def main(arguments: list[str]) -> int:
    """Write or check; returns the exit code."""
    if "--check" in arguments:
        found = stale()
        for named in found:
            print(f"{named} is not what scripts/pages.py writes.")
        return 1 if found else 0
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))

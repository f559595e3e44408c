"""A page's Python blocks, run as a reader runs them who pastes one after the other into a session.

    python pasted.py PAGE

Nothing but the page is known here: no set-up, no fake, no variable that a block before did not make. Where a comment
stands behind a `print` (not one in a loop or function), it has to be what is printed. Exits with the sentence that says
which line failed.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import traceback
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

_FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A block, and the number of its first line on the page."""

    line: int
    text: str


def blocks(page: str) -> list[Block]:
    """The Python blocks that a reader sees."""
    return [Block(page.count("\n", 0, match.start(1)) + 1, match[1]) for match in _FENCE.finditer(page)]


def run(path: Path) -> None:
    """Run every block of the page, in order, in one module called `__main__`."""
    main = ModuleType("__main__")
    sys.modules["__main__"] = main  # classes of the page are found again, by pickle and by get_type_hints
    for block in blocks(path.read_text("utf-8")):
        lines = block.text.splitlines()
        for statement in ast.parse(block.text).body:
            promised = _promised(statement, lines)
            first = block.line + statement.lineno - 1
            ast.increment_lineno(statement, block.line - 1)
            code = compile(ast.Module([statement], []), str(path), "exec", dont_inherit=True)
            output = io.StringIO()
            try:
                with redirect_stdout(output):
                    exec(code, main.__dict__)
            except BaseException:
                sys.exit(f"{path.name}, line {first}: {traceback.format_exc()}")
            printed = output.getvalue()
            sys.stdout.write(printed)
            if promised is not None and printed.strip() != promised:
                sys.exit(f"{path.name}, line {first} prints {printed.strip()!r}, and its comment says {promised!r}.")


def _promised(statement: ast.stmt, lines: list[str]) -> str | None:
    """The comment behind a `print`, if this is one."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != "print":
        return None
    rest = lines[(statement.end_lineno or 1) - 1].encode()[statement.end_col_offset :].decode()
    return rest.partition("#")[2].strip() or None


if __name__ == "__main__":
    run(Path(sys.argv[1]))

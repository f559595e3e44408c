"""The command `automix`, also `python -m automix_cli`: says what is missing where the extra `cli` was not installed."""

from __future__ import annotations

import sys
from importlib.util import find_spec

_NEEDED = ("typer", "rich", "httpx", "tenacity")
"""What the extra `cli` brings. Nothing that imports it is imported before it was looked for."""


def main() -> None:
    """Entry point of the command `automix`; exit code 2 where its parts are not installed."""
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        print(f"automix: {', '.join(missing)} not installed: pip install 'automix-rag[cli]'", file=sys.stderr)
        raise SystemExit(2)
    from automix_cli.app import main as run

    run()


if __name__ == "__main__":
    main()

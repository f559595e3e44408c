"""The command `automix`: its commands are modules of their own, imported when they are used.

Exit codes: 2 for bad use, 1 for bad data and for an engine that can't run, 130 after Ctrl-C. Every error is one line on
standard error that begins with `automix:`.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMMANDS = {
    "doctor": "Say what is installed, where the weights are, and whether the engine starts.",
}
"""Each command is the function of its name in the module of its name."""

# typer's own errors, wherever this version keeps them: BadParameter, then UsageError, then ClickException.
_SHOWN: Any = typer.BadParameter.__mro__[2]


class _Later(TyperCommand):
    """A command known by name and summary; its module is imported once it is called."""

    def __init__(self, name: str, summary: str) -> None:
        super().__init__(name, help=summary)

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Hand over to the real command."""
        name = str(self.name)
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        single.command(name)(getattr(importlib.import_module(f"automix_cli.{name}"), name))
        command: Any = typer.main.get_command(single)
        return command.make_context(*args, **kwargs)


class _Group(TyperGroup):
    """All the commands, and the one place where errors become a line and an exit code."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names."""
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, or None."""
        return _Later(cmd_name, _COMMANDS[cmd_name]) if cmd_name in _COMMANDS else None

    def main(self, args: Sequence[str] | None = None, *rest: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run a command and leave with its exit code."""
        from automix_core.errors import AutoMixError, ConfigError

        try:
            result = super().main(args, *rest, standalone_mode=False, **extra)
        except _SHOWN as error:
            _fail(error.format_message(), error.exit_code)
        except AutoMixError as error:
            _fail(str(error), 2 if isinstance(error, ConfigError) else 1)
        except (KeyboardInterrupt, typer.Abort):
            _fail("interrupted", 130)
        except BrokenPipeError:
            # Whoever read our output has left; nothing may be written at exit either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(1) from None
        if standalone_mode:
            raise SystemExit(result if isinstance(result, int) else 0)
        return result


def _fail(message: str, code: int) -> None:
    print(f"automix: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(code) from None


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"automix {version('automix-rag')}")
        except PackageNotFoundError:
            typer.echo("automix (run from its source)")
        raise typer.Exit


app = typer.Typer(cls=_Group, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def automix(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """AutoMix: a small model answers and checks itself, a large one is paid only when it is worth it."""


def main() -> None:
    """Entry point of the command `automix`."""
    app(prog_name="automix")

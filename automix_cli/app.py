"""The command `automix`: its commands are packages of their own, imported when they are used.

Exit codes: 2 for bad use, 1 for bad data and for an engine that can't run, 130 after Ctrl-C. Every error is one line on
standard error that begins with `automix:`.
"""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

_COMMANDS = {
    "demo": "Answer questions about a handbook with a small model that checks itself and a large one behind it.",
    "collect": "Ask every model every question, check the drafts, score the answers: outcomes to fit policies on.",
    "fit": "Learn from recorded outcomes when to keep a draft, and save the rule as a policy.",
    "evaluate": "Replay recorded outcomes through a policy: performance, cost, and what single models would have done.",
    "explain": "Say the rule of a policy in one sentence and a small table; with --details all of it.",
    "watch": "Say whether recorded traffic has drifted from what a policy was fitted on.",
    "convert": "Write recorded outcomes as Parquet or as JSON Lines, by the names of the files.",
    "pays": "Say what a cascade would cost beside the large model alone, from prices, lengths and the share kept.",
    "serve": "Serve cascades behind an endpoint that speaks OpenAI's protocol.",
    "doctor": "Say what is installed, where the weights are, and whether the engine starts.",
}
"""Each command is the function of its name in the module `command` of the package of its name."""

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
        single.command(name)(getattr(importlib.import_module(f"automix_cli.{name}.command"), name))
        command: Any = typer.main.get_command(single)
        return command.make_context(*args, **kwargs)


class _Group(TyperGroup):
    """All the commands, and the one place where errors become a line and an exit code."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: _Later(name, summary) for name, summary in _COMMANDS.items()}

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run a command and leave with its exit code."""
        from automix_cli.printing import legible
        from automix_core.errors import AutoMixError, ConfigError

        legible()
        try:
            result = super().main(*args, **(extra | {"standalone_mode": False}))
            if sys.stdout is not None:
                sys.stdout.flush()
        except _SHOWN as error:
            context = getattr(error, "ctx", None)
            hint = f" ({context.command_path} --help tells more)" if context else ""
            _fail(error.format_message() and error.format_message().rstrip(".") + hint, error.exit_code)
        except AutoMixError as error:
            _fail(str(error), 2 if isinstance(error, ConfigError) else 1)
        except (KeyboardInterrupt, typer.Abort):
            _fail("interrupted", 130)
        except BrokenPipeError:  # whoever read our output has left
            _give_up_output()
            raise SystemExit(1) from None
        except OSError as error:  # the disk is full, say, where standard output goes
            _give_up_output()
            _fail(": ".join(str(part) for part in (error.filename, error.strerror or error) if part), 1)
        if result == 130:  # what typer makes of Ctrl-C
            _fail("interrupted", 130)
        if standalone_mode:
            raise SystemExit(result if isinstance(result, int) else 0)
        return result


def _give_up_output() -> None:
    """What is still to be written at exit goes nowhere."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int) -> None:
    if message:
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


app = typer.Typer(cls=_Group, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def automix(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """AutoMix: a small model answers and checks itself, a large one is paid only when it is worth it."""


def main() -> None:
    """Entry point of the command `automix`."""
    app(prog_name="automix")

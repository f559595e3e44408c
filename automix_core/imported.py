"""Functions of the user's own, named `module:function`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import ConfigError


def imported(what: str, name: str) -> Callable[..., Any]:
    """The function called `module:function`; the module may lie in the current folder.

    Raises `ConfigError`, which begins with `what`, if there is none.
    """
    module, colon, function = name.partition(":")
    if not (colon and module and function):
        raise ConfigError(f"{what} must be module:function, not {name!r}.")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = importlib.import_module(module)
        for part in function.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # a module that is a script may do anything
        raise ConfigError(f"{what} {name!r} can't be imported: {type(error).__name__}: {error}.") from None
    if not callable(found):
        raise ConfigError(f"{what} {name!r} is not a function; it must be a plain one.")
    return found

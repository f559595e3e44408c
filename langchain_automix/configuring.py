"""What every part of the adapter does with its configuration."""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from automix_core.errors import ConfigError

M = TypeVar("M", bound=BaseModel)


def configured(cls: type[M], data: Any, handler: Any) -> M:
    """The validated object, in a "wrap" validator; keywords it doesn't know are ignored with a warning.

    Raises `ConfigError`, naming the field, where pydantic would raise its own error.
    """
    if isinstance(data, dict):
        known = {*cls.model_fields, *(field.alias for field in cls.model_fields.values() if field.alias)}
        for name in sorted(set(data) - known):
            warnings.warn(f"{cls.__name__} ignores the unknown keyword {name!r}.", stacklevel=2)
        data = {name: value for name, value in data.items() if name in known}
    try:
        made: M = handler(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "its arguments"
        raise ConfigError(f"{cls.__name__}: {where}: {first['msg']}.") from None
    return made

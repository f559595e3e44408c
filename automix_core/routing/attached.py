"""Where the route of a call stands on what the call gave back, and `route_of`, which finds it there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar, overload

from .route import Route

KEY: Final = "automix"
"""The name of the record in a message's or a response's metadata."""

E = TypeVar("E", bound=BaseException)
T = TypeVar("T")

_PLACES = ("response_metadata", "additional_kwargs")
_ERROR = "automix_route"
_REQUIRED: Any = object()


@overload
def route_of(result: object) -> Route: ...


@overload
def route_of(result: object, default: T) -> Route | T: ...


def route_of(result: object, default: Any = _REQUIRED) -> Any:
    """The `Route` of a message, of a response, of the last piece of a stream, or of the error of a failed call.

    Raises `LookupError` if `result` bears none; with a `default` that is returned instead, as `next` does.
    """
    record = next(_records(result), None)
    if record is not None:
        return record if isinstance(record, Route) else Route.from_dict(record)
    if default is not _REQUIRED:
        return default
    raise LookupError(
        f"There is no route on this {type(result).__name__}. A model's message or response bears one; query engines, "
        "chains and parsers return what they made of it: ask within `with collect_routes() as routes:` instead."
    )


def attach(error: E, route: Route) -> E:
    """`error` with the route of the call that it ended, for `route_of`."""
    error.__dict__[_ERROR] = route  # of a cascade within a cascade, the outer one's stands
    return error


def _records(result: object) -> Iterator[Route | Mapping[str, Any]]:
    if isinstance(result, Route):
        yield result
    places = (getattr(result, place, None) for place in _PLACES)
    found = [place.get(KEY) for place in places if isinstance(place, Mapping)]
    while isinstance(result, BaseException):  # one that was wrapped on its way is its cause's
        found.append(result.__dict__.get(_ERROR))
        result = result.__cause__
    yield from (record for record in found if isinstance(record, Route | Mapping))

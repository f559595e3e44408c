"""`route_of`: the record of a call, from the message that it returned."""

from __future__ import annotations

from typing import Any

from automix_core.routing.route import Route

from .tokens import KEY


def route_of(message: Any) -> Route | None:
    """The route of the call that returned `message`, or None if no AutoMix model did."""
    found = (getattr(message, "response_metadata", None) or {}).get(KEY)
    return Route.from_dict(found) if isinstance(found, dict) else None

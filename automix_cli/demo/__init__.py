"""`automix demo`: the cascade, live, on a handbook that no model has read or on documents of the user's own."""

from __future__ import annotations

from .command import demo

__all__ = ["demo"]

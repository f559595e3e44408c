"""Loopback servers that imitate each provider's wire format and keep the bill."""

from __future__ import annotations

from .format import Asked, Refusal
from .server import WIRES, ProviderServer

__all__ = ["WIRES", "Asked", "ProviderServer", "Refusal"]

"""Which way each signal points: known beforehand, so that few labels are enough."""

from __future__ import annotations

from collections.abc import Mapping

from .tokens import TOKENS

SIGNS: Mapping[str, int] = {
    **dict.fromkeys(("support", "quote", *TOKENS, "p_correct", "sufficient", "agreement", "evidence"), 1),
    **dict.fromkeys(("echo", "unsupported_numbers"), -1),
    **dict.fromkeys(("length", "refusal"), 0),
}
"""1: more of it is safer; -1: less; 0: that depends on the task. A signal of the user's own counts as 1."""

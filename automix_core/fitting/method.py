"""The kinds of policy that can be learned, by name."""

from __future__ import annotations

from typing import Literal, TypeAlias

Method: TypeAlias = Literal["pomdp", "kde", "threshold", "band", "always"]

"""What a verifier of the user's own is: a function, sync or async, in place of a `SelfVerifier`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

Verdicts: TypeAlias = Sequence[bool | None] | float
"""One verdict a check (None where it could not be read), or one direct confidence from 0 to 1."""

CheckFunction: TypeAlias = Callable[[str, str, str, int], Verdicts | Awaitable[Verdicts]]
"""Called as (context, question, answer, n); returns n verdicts or one direct confidence."""

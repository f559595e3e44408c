"""What is collected from: something that answers questions with each model of a cascade, and checks the answers."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from automix_cli.collect.journal import Paid
from automix_core.outcomes.outcome import Question


class CallError(Exception):
    """A call that failed for good: what the server said, without the key. `status` is HTTP's, if it answered.

    `response` has all its `text`, unshortened, from which sampling reads what was refused; it is never shown.
    """

    def __init__(self, problem: str, status: int | None = None, text: str = "") -> None:
        super().__init__(problem)
        self.status, self.response = status, Said(text)


class Said(NamedTuple):
    """What a server said."""

    text: str


class System(Protocol):
    """Models that answer and check, each request paid for once; `nth` tells questions alike apart.

    `paid` and `found` count requests sent and requests taken from the journal. `over`, once set, says why nothing more
    is to be sent.
    """

    over: str

    @property
    def paid(self) -> int:
        """How many were sent."""

    @property
    def found(self) -> int:
        """How many were in the journal."""

    def known(self, model: int, question: Question, nth: int) -> bool:
        """Whether that answer is in the journal."""

    async def answer(self, model: int, question: Question, nth: int) -> Paid:
        """One model's answer. Raises `CallError`."""

    async def checks(self, model: int, question: Question, draft: Paid, nth: int) -> list[Paid]:
        """Checks of its draft, k of them in one request or several. Raises `CallError`."""

    async def measured(self, model: int, question: Question, draft: Paid, nth: int) -> dict[str, list[Paid]]:
        """The requests for each paid signal of its draft. Raises `CallError`."""

"""What is known about a draft beside its verdicts: signals, and the evidence that they are.

For an adapter: `textual(question, context, draft)` and `token_signals(tokens)` give a draft's free signals, which go
into its `Reply.signals`; `warn_missing` says what the policy lacks.
"""

from .asked import QUERY, asked, asked_in, asked_of
from .estimator import Estimator, Evidence, Term
from .lexical import TEXTUAL, textual
from .missing import warn_missing
from .tokens import TOKENS, Token, token_signals
from .unfitted import UNFITTED
from .words import Source

__all__ = [
    "QUERY",
    "TEXTUAL",
    "TOKENS",
    "UNFITTED",
    "Estimator",
    "Evidence",
    "Source",
    "Term",
    "Token",
    "asked",
    "asked_in",
    "asked_of",
    "textual",
    "token_signals",
    "warn_missing",
]

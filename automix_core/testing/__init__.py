"""Tests for whoever extends AutoMix: `check_policy` for a policy, `AdapterContract` for another framework's adapter.

Neither needs a network, a model or a test runner; both raise `AssertionError` and say what is wrong.
"""

from .adapter import CONTEXT, QUESTION, AdapterContract, Says
from .policy import check_policy

__all__ = ["CONTEXT", "QUESTION", "AdapterContract", "Says", "check_policy"]

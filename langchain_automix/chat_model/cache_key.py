"""What decides a cascade's answer, as one hash: the response cache's key.

A part that can't be written down (a function, a client) stands for itself by its identity within this process: that
can cost a cached answer, but never serve a wrong one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableBinding
from pydantic import BaseModel

from automix_core.checking.prompt import Shot
from automix_core.decision import Policy
from automix_core.routing.price import Price

from ..cascade import Cascade
from ..meta_verifier import as_plain

_PROCESS = uuid4().hex


def fingerprint(model: BaseChatModel, cascade: Cascade) -> str:
    """A hash over the models, the verifier, the policy and every setting of `model`."""
    own = {name: getattr(model, name) for name in type(model).model_fields if name not in _IRRELEVANT}
    own["policy"] = cascade.provider.policy()
    return hashlib.sha256(_written({**own, "models": list(cascade.models)}).encode()).hexdigest()


_IRRELEVANT = frozenset(
    {
        "cache",
        "callbacks",
        "tags",
        "metadata",
        "verbose",
        "rate_limiter",
        "profile",
        "disable_streaming",
        "models",
        "audit",
        "limiter",
    }
)


def _written(value: Any) -> str:
    if value is None or isinstance(value, str | int | float | bool | Path | Price | Shot):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key!r}:{_written(value[key])}" for key in sorted(value, key=repr)) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join(_written(item) for item in value) + "]"
    if isinstance(value, RunnableBinding):
        return f"bind({_written(value.bound)},{_written(value.kwargs)})"
    if isinstance(value, BaseChatModel):
        # A serializable model writes down all that decides its answers; of another one nothing may be left out.
        rest = "" if value.is_lc_serializable() else _parts(value)
        return f"{type(value).__qualname__}({value._get_llm_string()}){rest}"
    if isinstance(value, Policy):
        plain = as_plain(value)
        return _written(plain) if isinstance(plain, dict) else _identity(value)
    if isinstance(value, BaseModel):
        return f"{type(value).__qualname__}{_parts(value)}"
    return _identity(value)


def _identity(value: Any) -> str:
    return f"{type(value).__qualname__}@{id(value)}/{_PROCESS}"


def _parts(value: BaseModel) -> str:
    return _written({name: getattr(value, name) for name in type(value).model_fields})

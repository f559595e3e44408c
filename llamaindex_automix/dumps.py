"""How models are shown to others: in dumps, events and logs no model may show its key."""

from __future__ import annotations

import pickle
from typing import Any

from llama_index.core.llms.llm import LLM
from pydantic import BaseModel

from automix_core.errors import ConfigError
from automix_core.sealed import SEALED, seal, unseal


def payload(model: LLM) -> dict[str, Any]:
    """The class of `model` and what it tells of itself; never its fields, which hold keys and headers."""
    return {"class_name": model.class_name(), **model.metadata.model_dump(mode="json")}


def state_of(component: BaseModel, droppable: tuple[str, ...] = ()) -> dict[str, Any]:
    """What pickle keeps of `component`: all of its fields, and no keys of its models (`restored` takes it back).

    LlamaIndex's components leave out what can't be pickled, silently, and would come back as something else. Raises
    `ConfigError` instead, but for the `droppable` fields.
    """
    kept = {name: component.__dict__[name] for name in type(component).model_fields if name in component.__dict__}
    for name, value in list(kept.items()):
        try:
            pickle.dumps(value)
        except Exception as error:
            if name not in droppable:
                raise ConfigError(
                    f"{type(component).__name__}.{name} can't be pickled ({type(error).__name__}); a function must "
                    "stand at the top of a module."
                ) from error
            del kept[name]
    state = {
        "__dict__": kept,
        "__pydantic_fields_set__": component.model_fields_set,
        "__pydantic_extra__": None,
        "__pydantic_private__": None,
    }
    return {SEALED: seal(state, type(component).__name__)}


def restored(state: dict[str, Any]) -> dict[str, Any]:
    """What `state_of` kept; a key comes back where it is known."""
    found: dict[str, Any] = unseal(state[SEALED]) if SEALED in state else state
    return found

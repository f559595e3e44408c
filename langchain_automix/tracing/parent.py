"""Where the children's runs hang: beneath the AutoMix run, without its parameters, out of every stream.

Chat-model run managers have no `get_child`, so the child manager is built here. Private parts of langchain-core used,
each because there is no public one:

- `tracers._streaming` marks the handlers of `astream_events`, `astream_log` and LangGraph, which would show drafts and
  verdicts as if they were the answer;
- `tracers.context._configure_hooks` names context-wide handlers, which are found again by identity and so must not be
  wrapped;
- `LangChainTracer.tracing_metadata` holds the invocation parameters that core stamps on all descendants.

And one of Langfuse's, whose handler is no tracer of core's: where it keeps the observations that are open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, CallbackManager
from langchain_core.callbacks.base import BaseCallbackManager
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.tracers._streaming import _StreamingCallbackHandler, _V2StreamingCallbackHandler
from langchain_core.tracers.base import AsyncBaseTracer, BaseTracer

from .watch import Watch

if TYPE_CHECKING:
    from langchain_core.callbacks.manager import BaseRunManager

_TOKEN_EVENTS = ("on_llm_new_token", "on_stream_event")
_OWN_METADATA = frozenset(
    {
        "ls_provider",
        "ls_model_name",
        "ls_model_type",
        "ls_temperature",
        "ls_max_tokens",
        "ls_stop",
        "ls_integration",
    }
)


configured: ContextVar[Mapping[str, Any] | None] = ContextVar("automix_configurable", default=None)
"""The `configurable` of the call that is being made: core does not hand a chat model the config of its call, and only
inside a chain do children find it by themselves."""


@contextmanager
def configured_by(config: RunnableConfig | None) -> Iterator[None]:
    """Let the children of calls made within be configured as `config` says."""
    token = configured.set((config or {}).get("configurable"))
    try:
        yield
    finally:
        configured.reset(token)


@dataclass(frozen=True, slots=True)
class Parent:
    """The AutoMix run as its children need to know it. `run_id` None: there is no run to hang them under.

    `handlers` are those that hear the children: none that streams, none that would hear tokens twice. `configurable` is
    the caller's, for children that are configured when they are called.
    """

    run_id: UUID | None = None
    handlers: Sequence[BaseCallbackHandler] = ()
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    configurable: Mapping[str, Any] | None = field(default_factory=configured.get)

    @classmethod
    def of_run(cls, manager: BaseRunManager | None, stamped: Callable[[], Mapping[str, Any]]) -> Parent:
        """The parent behind a run manager; `stamped` gives the parameters that core put on its tracers."""
        if manager is None:
            return cls()
        handlers = [_unstamped(handler, stamped) for handler in manager.inheritable_handlers]
        return cls.of(manager.run_id, handlers, manager.inheritable_tags, manager.inheritable_metadata)

    @classmethod
    def of_config(cls, run_id: UUID, manager: BaseCallbackManager, config: RunnableConfig) -> Parent:
        """The parent of a stream, whose run manager core does not hand on: known before the run starts."""
        tags = [*manager.inheritable_tags, *(config.get("tags") or [])]
        metadata = {**manager.inheritable_metadata, **(config.get("metadata") or {})}
        return cls.of(run_id, manager.inheritable_handlers, tags, metadata)

    @classmethod
    def of(
        cls, run_id: UUID, handlers: Sequence[BaseCallbackHandler], tags: Sequence[str], metadata: Mapping[str, Any]
    ) -> Parent:
        """The parent of one call, with a `Watch` in front if anyone is listening."""
        heard = [_quiet(handler) for handler in handlers if not _is_streaming(handler)]
        return cls(run_id, [Watch(), *heard] if heard else [], tags, metadata)

    def mark(self, facts: Mapping[str, Any]) -> None:
        """Add `facts` to the metadata of the AutoMix run itself, in every tracer that has it open."""
        for handler in self.handlers:
            run = getattr(handler, "run_map", {}).get(str(self.run_id))
            if run is not None:
                run.extra["metadata"] = {**(run.extra.get("metadata") or {}), **facts}
            elif (observation := _observation(handler, self.run_id)) is not None:
                observation.update(metadata=dict(facts))

    def apart(self) -> Parent:
        """The same for a child that runs beside the others: their interruption is not its own."""
        return replace(self, handlers=[Watch(), *self.handlers[1:]]) if self.handlers else self

    def config(self, role: str, model: int | None = None) -> RunnableConfig:
        """The config of a child's call in the given role: draft, verify, meta_verifier or answer.

        Always carries a manager, even an empty one: without it a child would attach itself to the surrounding chain, as
        a sibling of the AutoMix run.
        """
        tags = [*self.tags, "automix", f"automix:{role}", "nostream"]
        metadata = {key: value for key, value in self.metadata.items() if key not in _OWN_METADATA}
        metadata["automix_role"] = role
        if model is not None:
            metadata["automix_model"] = model
        manager = CallbackManager(
            handlers=[*self.handlers],
            inheritable_handlers=[*self.handlers],
            parent_run_id=self.run_id,
            tags=tags,
            inheritable_tags=[*tags],
            metadata=metadata,
            inheritable_metadata={**metadata},
        )
        config = RunnableConfig(callbacks=manager, run_name=f"automix_{role}")
        if self.configurable:
            config["configurable"] = dict(self.configurable)
        return config


current: ContextVar[tuple[object, Parent] | None] = ContextVar("automix_parent", default=None)
"""The model that is starting a stream, and its run: core calls `_stream` without a run manager."""


def parent_of(model: object, manager: BaseRunManager | None, stamped: Callable[[], Mapping[str, Any]]) -> Parent:
    """The parent for `model`'s children; the model itself is compared, as a child may be an AutoMix too."""
    if manager is not None:
        return Parent.of_run(manager, stamped)
    held = current.get()
    return held[1] if held is not None and held[0] is model else Parent()


@contextmanager
def detached() -> Iterator[None]:
    """Children start without the callbacks of the chain around the AutoMix run.

    A wrapped child (tools bound, retries) merges the surrounding config into the one it is given, and the surrounding
    callbacks would win: its run would hang beside the AutoMix run. What else surrounds it, such as `configurable`,
    stays.
    """
    around = var_child_runnable_config.get()
    if not around:
        yield
        return
    token = var_child_runnable_config.set({**around, "callbacks": None})
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


def _is_streaming(handler: BaseCallbackHandler) -> bool:
    return isinstance(handler, _StreamingCallbackHandler | _V2StreamingCallbackHandler)


def _unstamped(handler: BaseCallbackHandler, stamped: Callable[[], Mapping[str, Any]]) -> BaseCallbackHandler:
    """A LangSmith tracer without the composite's invocation parameters; it shares the original's run map."""
    metadata = getattr(handler, "tracing_metadata", None)
    copy = getattr(handler, "copy_with_metadata_defaults", None)
    if not metadata or copy is None:
        return handler
    clean: BaseCallbackHandler = copy()
    ours, missing = stamped(), object()
    kept = {key: value for key, value in metadata.items() if ours.get(key, missing) != value}
    clean.tracing_metadata = kept or None  # type: ignore[attr-defined]
    return clean


def _quiet(handler: BaseCallbackHandler) -> BaseCallbackHandler:
    """`handler`, deaf to the children's tokens if it hears tokens: the AutoMix run reports those of the answer."""
    if isinstance(handler, BaseTracer | AsyncBaseTracer | Watch | _Muted):
        return handler
    from langchain_core.tracers.context import _configure_hooks  # loads langsmith, as core does where runs start

    if any(var.get() is handler for var, *_ in _configure_hooks):
        return handler
    base = AsyncCallbackHandler if isinstance(handler, AsyncCallbackHandler) else BaseCallbackHandler
    hears = any(getattr(type(handler), event, None) is not getattr(base, event, None) for event in _TOKEN_EVENTS)
    return _Muted(handler) if hears else handler  # type: ignore[return-value]


class _Muted:
    """A handler without its token events. Not a subclass: core looks each event up by name, sync or async as it is."""

    def __init__(self, handler: BaseCallbackHandler) -> None:
        self._handler = handler
        silence = _silence_async if isinstance(handler, AsyncCallbackHandler) else _silence
        for event in _TOKEN_EVENTS:
            setattr(self, event, silence)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handler, name)


def _observation(handler: Any, run_id: UUID | None) -> Any:
    """What Langfuse's handler has open for a run: an object that takes more metadata. None with any other handler."""
    own = handler._handler if isinstance(handler, _Muted) else handler
    if not any(kind.__module__.partition(".")[0] == "langfuse" for kind in type(own).__mro__):
        return None
    held = getattr(own, "_runs", None) or getattr(own, "runs", None) or {}  # as of 5, and as of 3
    return held.get(run_id)


def _silence(*_: Any, **__: Any) -> None:
    return None


async def _silence_async(*_: Any, **__: Any) -> None:
    return None

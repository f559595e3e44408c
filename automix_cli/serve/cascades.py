"""The cascades that are served, built of their files before the first request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from automix_core.cascade_file.building import build, reached
from automix_core.cascade_file.settings import EMBEDDED, CascadeFile, ModelSettings
from automix_core.endpoint.endpoint import Endpoint
from automix_core.errors import ConfigError

if TYPE_CHECKING:
    from langchain_automix import AutoMixChatModel


Embedded: TypeAlias = Mapping[tuple[Path, str], Endpoint]
"""Where the embedded models run, by the file and the model's name in it."""


@contextmanager
def running(files: Sequence[tuple[Path, CascadeFile]], weights: Path | None = None) -> Iterator[Embedded]:
    """The embedded models of the files, for the time of the block. Raises `ConfigError` that names the line."""
    found: dict[tuple[Path, str], Endpoint] = {}
    with ExitStack() as engines:
        for path, file in files:
            for place, model in enumerate(file.model):
                if model.url.startswith(EMBEDDED):
                    with file.blaming("model", place, "url"):
                        found[path, model.name] = _engine(engines, model, weights, file.verify.k)
        yield found


def built(files: Sequence[tuple[Path, CascadeFile]], embedded: Embedded | None = None) -> dict[str, AutoMixChatModel]:
    """The cascades by the name that clients ask for: `name`, else the file's own.

    Raises `ConfigError` that names the file for what can't work, and for two cascades of one name.
    """
    from langchain_automix import AutoMixChatModel, SelfVerifier
    from langchain_automix.child.endpoint import chat_model

    found: dict[str, AutoMixChatModel] = {}
    for path, file in files:
        name = file.name or path.stem
        if name in found:
            raise ConfigError(f"{file.at('name')}: another cascade is called {name} too; give each a name of its own.")
        inside = {model: endpoint for (of, model), endpoint in (embedded or {}).items() if of == path}

        def endpoint(model: ModelSettings, inside: Mapping[str, Endpoint] = inside) -> Endpoint:
            return inside[model.name] if model.name in inside else reached(model)

        found[name] = build(AutoMixChatModel, file, chat_model, SelfVerifier, endpoint=endpoint)
    return found


def _engine(engines: ExitStack, model: ModelSettings, weights: Path | None, slots: int) -> Endpoint:
    from automix_cli.engine.engine import embedded
    from automix_cli.progress import progress

    name = model.url.removeprefix(EMBEDDED)
    return engines.enter_context(embedded([name], folder=weights, progress=progress(True), slots=slots))[0].endpoint

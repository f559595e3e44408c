"""The cascades that are served, built of their files before the first request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from automix_core.cascade_file.building import build, reached
from automix_core.cascade_file.settings import EMBEDDED, CascadeFile, ModelSettings
from automix_core.endpoint.endpoint import Endpoint
from automix_core.errors import ConfigError

if TYPE_CHECKING:
    from langchain_automix import AutoMixChatModel


@contextmanager
def built(
    files: Sequence[tuple[Path, CascadeFile]], weights: Path | None = None
) -> Iterator[dict[str, AutoMixChatModel]]:
    """The cascades by the name that clients ask for: `name`, else the file's own. Embedded models run meanwhile.

    Raises `ConfigError` that names the file for what can't work, and for two cascades of one name.
    """
    from langchain_automix import AutoMixChatModel, SelfVerifier
    from langchain_automix.child.endpoint import chat_model

    found: dict[str, AutoMixChatModel] = {}
    with ExitStack() as running:
        for path, file in files:
            name = file.name or path.stem
            if name in found:
                raise ConfigError(
                    f"{file.at('name')}: another cascade is called {name} too; give each a name of its own."
                )
            endpoint = partial(_endpoint, running=running, weights=weights, slots=file.verify.k)
            found[name] = build(AutoMixChatModel, file, chat_model, SelfVerifier, endpoint=endpoint)
        yield found


def _endpoint(settings: ModelSettings, *, running: ExitStack, weights: Path | None, slots: int) -> Endpoint:
    if not settings.url.startswith(EMBEDDED):
        return reached(settings)
    from automix_cli.engine.engine import embedded
    from automix_cli.progress import progress

    name = settings.url.removeprefix(EMBEDDED)
    return running.enter_context(embedded([name], folder=weights, progress=progress(True), slots=slots))[0].endpoint

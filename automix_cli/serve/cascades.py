"""The cascades that are served, built of their files before the first request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automix_cli.cascade_file import EMBEDDED, CascadeFile, ModelSettings
from automix_cli.collect.plan import plan
from automix_core.errors import AutoMixError, ConfigError

if TYPE_CHECKING:
    from automix_cli.endpoint.endpoint import Endpoint
    from langchain_automix import AutoMixChatModel


@contextmanager
def built(
    files: Sequence[tuple[Path, CascadeFile]], weights: Path | None = None
) -> Iterator[dict[str, AutoMixChatModel]]:
    """The cascades by the name that clients ask for: `name`, else the file's own. Embedded models run meanwhile.

    Raises `ConfigError` that names the file for what can't work, and for two cascades of one name.
    """
    found: dict[str, AutoMixChatModel] = {}
    with ExitStack() as running:
        for path, file in files:
            name = file.name or path.stem
            if name in found:
                raise ConfigError(f"{path}: another cascade is called {name} too; give each a name of its own.")
            try:
                found[name] = _cascade(path, file, running, weights)
            except AutoMixError as error:
                said = str(error)
                raise ConfigError(said if said.startswith(str(path)) else f"{path}: {said}") from None
        yield found


def _cascade(path: Path, file: CascadeFile, running: ExitStack, weights: Path | None) -> AutoMixChatModel:
    from automix_core.policies import Threshold
    from automix_core.policies.reloading import Reloading
    from langchain_automix import AutoMixChatModel, SelfVerifier

    if file.app is not None:
        raise ConfigError("app is for collecting; a served cascade needs the url of each [[model]].")
    planned = plan(file)
    policy: Any = file.policy
    if isinstance(policy, float):
        policy = Threshold(policy)
    elif isinstance(policy, str):
        policy = Reloading(path.parent / policy)
    checks = file.verify
    verifier = SelfVerifier(
        k=checks.k,
        temperature=checks.temperature,
        max_tokens=checks.max_tokens if "max_tokens" in checks.model_fields_set else "auto",
    )
    models = [_model(model, running, weights, checks.k) for model in planned.models]
    return AutoMixChatModel(
        models=models,
        verifier=verifier,
        policy=policy,
        prices=None if planned.prices is None else list(planned.prices),
        without_context=file.without_context,
        timeout=file.timeout,
        max_cost=file.max_cost,
        when_out=file.when_out,
    )


def _model(settings: ModelSettings, running: ExitStack, weights: Path | None, slots: int) -> Any:
    """A child: what the file does not set is left to the request, and to the provider."""
    from automix_cli.endpoint.langchain import chat_model

    written = settings.model_fields_set
    options: dict[str, Any] = {"temperature": settings.temperature if "temperature" in written else None}
    if "max_tokens" in written:
        options["max_tokens"] = settings.max_tokens
    return chat_model(_endpoint(settings, running, weights, slots), **options)


def _endpoint(settings: ModelSettings, running: ExitStack, weights: Path | None, slots: int) -> Endpoint:
    from automix_cli.endpoint.endpoint import parse_endpoint

    if not settings.url.startswith(EMBEDDED):
        return parse_endpoint(settings.url, settings.name)
    from automix_cli.engine.engine import embedded
    from automix_cli.progress import progress

    name = settings.url.removeprefix(EMBEDDED)
    return running.enter_context(embedded([name], folder=weights, progress=progress(True), slots=slots))[0].endpoint

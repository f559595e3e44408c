"""The endpoint as an application of Ray Serve: replicas on one machine or on a cluster.

    serve run automix_cli.serve.ray:app file=cascade.toml replicas=2

Needs the extras `ray` and `serve`. Each replica reads the file, its policy and the models' keys where it runs: the
folder has to be there on every node, and the keys in the environment in which Ray was started. The clients' keys are
read once, by whoever deploys, and travel as digests.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automix_cli.serve.cascades import built
from automix_cli.serve.keys import read_keys
from automix_cli.serve.traffic import Traffic
from automix_core.cascade_file.reading import read_cascade_file
from automix_core.errors import ConfigError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from ray.serve import Application

_EVERYWHERE = "0.0.0.0"
_HEALTH = 5.0
"""Seconds between looks at a replica: one that died is noticed by its connection's end, one that hangs by this."""


def application(file: str | Path, replicas: int = 2) -> Application:
    """What `ray.serve.run` takes: `replicas` of the cascade in `file`, its [serve] limits those of each replica.

    Raises `ConfigError` for what can't work, before anything is deployed, embedded models and missing keys of clients
    among them: Ray's address may be reached by others, whatever `host` says.
    """
    try:
        from ray import serve
    except ImportError as error:
        raise ConfigError("ray is missing: pip install 'automix-rag[ray,serve]'") from error
    path = Path(file).resolve()
    read = read_cascade_file(path)
    built([(path, read)])
    limits = read.serve
    keys = read_keys(limits.keys_file and str(read.folder / limits.keys_file), _EVERYWHERE)

    def replica() -> FastAPI:
        from automix_cli.serve.application import application

        traffic = Traffic(keys, limits.most_bytes, limits.per_minute, limits.at_once)
        return application(built([(path, read_cascade_file(path))]), traffic)

    class Endpoint:
        """One replica."""

    deployed = serve.deployment(
        serve.ingress(replica)(Endpoint),
        name=read.name or path.stem,
        num_replicas=replicas,
        max_ongoing_requests=limits.at_once + 1,  # one more is refused by the endpoint itself, in OpenAI's form
        graceful_shutdown_timeout_s=limits.grace,
        health_check_period_s=_HEALTH,
    )
    return deployed.bind()


def app(settings: Mapping[str, Any]) -> Application:
    """`application` for the command `serve run`: `file`, and `replicas` if not two."""
    return application(settings["file"], int(settings.get("replicas", 2)))

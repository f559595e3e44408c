"""`automix serve`: one cascade or several as an OpenAI-compatible endpoint, for clients in any language."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated

import typer

from automix_core.cascade_file.reading import read_cascade_file
from automix_core.cascade_file.settings import MOST_WORKERS
from automix_core.errors import ConfigError


def serve(
    files: Annotated[
        list[Path],
        typer.Argument(help="cascade.toml: one file a cascade; the first one's [serve] counts.", show_default=False),
    ],
    host: Annotated[str | None, typer.Option(help="Where to listen; 127.0.0.1 by default.", show_default=False)] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="The port; 8321 by default, 0: a free one.", show_default=False),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=MOST_WORKERS, help="Processes that serve; default 1.", show_default=False)
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder with the embedded weights.", show_default=False)
    ] = None,
) -> None:
    """Serve cascades as OpenAI's chat completions, streams, tools and structured output included.

    Clients name a cascade as the model. Keys are in AUTOMIX_SERVE_KEYS, separated by commas, or in keys_file; without
    any only this computer is served. Ctrl-C, or SIGTERM, lets answers that have begun come to their end.
    """
    try:
        import fastapi  # noqa: F401 - only to say in one line what is missing
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as missing:
        raise ConfigError(f"{missing.name} is missing: pip install 'automix-rag[serve]'") from None
    from automix_cli.serve.application import application
    from automix_cli.serve.cascades import built, running
    from automix_cli.serve.keys import read_keys
    from automix_cli.serve.traffic import Traffic
    from automix_cli.serve.workers import run, run_several

    if any(file.is_dir() for file in files):
        raise ConfigError("Name cascade files, not a folder.")
    read = [(path, read_cascade_file(path)) for path in files]
    settings = read[0][1].serve
    settings = settings.model_copy(
        update={n: v for n, v in (("host", host), ("port", port), ("workers", workers)) if v is not None}
    )
    folder = files[0].parent
    keys = read_keys(settings.keys_file and str(folder / settings.keys_file), settings.host)
    with running(read, weights) as embedded:
        cascades = built(read, embedded)  # what can't work is refused here, for several workers too
        place = () if port is not None else ("serve", "port")
        listening = _listen(settings.host, settings.port, read[0][1].at(*place))
        traffic = Traffic(keys, settings.most_bytes, settings.per_minute, settings.at_once)
        shown = f"[{settings.host}]" if ":" in settings.host else settings.host
        typer.echo(f"Serving {', '.join(cascades)} at http://{shown}:{listening.getsockname()[1]}/v1", err=True)
        if settings.workers == 1:
            run(application(cascades, traffic), listening, grace=settings.grace)
        else:
            run_several(files, embedded, traffic, listening, grace=settings.grace, workers=settings.workers)


def _listen(host: str, port: int, where: str) -> socket.socket:
    """A socket that listens, before anything is promised. Raises `ConfigError` if the port is taken."""
    listening = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
    except OSError as error:
        if listening is not None:
            listening.close()
        raise ConfigError(f"{where}: {host}, port {port}: {error.strerror or error}; choose another --port.") from None
    return listening

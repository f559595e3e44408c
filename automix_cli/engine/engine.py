"""The embedded engine: a real language model on this computer's CPU, behind an OpenAI-compatible URL.

    with Engine.start(path, name="qwen2.5-coder-0.5b") as engine:
        llm = chat_model(engine.endpoint)

Each model is served by a child process (`automix_cli.engine.server`) on a loopback port that the system picks, with a
random key: without one, any web page open in a browser could use it. The child ends with this process, however that
ends.
"""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from automix_cli import tether, weights
from automix_cli.engine.launch import ended, launch
from automix_cli.progress import Progress, Quiet
from automix_core.endpoint.endpoint import Endpoint

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Sequence

_START_LIMIT = 300.0


class Engine:
    """A model being served; use `Engine.start`, and leave it by `close` or as a context manager."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, endpoint: Endpoint, version: str) -> None:
        self._process = process
        self.log = log
        """What the server prints: no prompts, no key."""
        self.endpoint = endpoint
        self.version = version
        """Version of xllamacpp."""

    @classmethod
    def start(
        cls,
        path: Path | str,
        *,
        name: str | None = None,
        context: int = 4096,
        slots: int = 8,
        threads: int | None = None,
        progress: Progress | None = None,
        limit: float = _START_LIMIT,
    ) -> Self:
        """Serve the GGUF file at `path` and return once it answers.

        Args:
            path: the weights.
            name: what the model is called in requests; default the file's stem.
            context: the most tokens of one request, prompt and answer together. Memory is taken for `slots` times that.
            slots: requests (or choices of one request) worked on at once; more wait.
            threads: default the engine's choice, or the CPUs this process may use if those are fewer.
            progress: told about the loading.
            limit: seconds it may take.

        Raises:
            EngineError: xllamacpp is missing, its process ended or takes too long; with the log's last words.
        """
        name = name or Path(path).stem
        key = secrets.token_urlsafe(32)
        settings = {
            "path": str(path),
            "name": name,
            "key": key,
            "context": context,
            "slots": slots,
            "threads": threads or _allowed_threads(),
        }
        process, log, report = launch(name, settings, progress or Quiet(), limit)
        return cls(process, log, Endpoint(f"{report['url']}/v1", name, key, context), str(report["version"]))

    @property
    def base_url(self) -> str:
        """The URL up to and including `/v1`."""
        return self.endpoint.base_url

    @property
    def api_key(self) -> str:
        """The random key of this start."""
        return self.endpoint.api_key

    @property
    def model(self) -> str:
        """The model's name in requests."""
        return self.endpoint.model

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def check(self) -> None:
        """Raise EngineError, with the log's last words, if the server has ended meanwhile."""
        if self._process.poll() is not None:
            raise ended(self.model, self._process.returncode, self.log)

    def close(self) -> None:
        """End the server; a second time does nothing. The log is kept only if the server had ended by itself."""
        alive = self._process.poll() is None
        tether.end(self._process)
        if alive:
            self.log.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        """Return the engine itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the server."""
        self.close()

    def __repr__(self) -> str:
        """Name, URL and process, never the key."""
        return f"Engine({self.model!r}, {self.base_url!r}, pid={self.pid})"


@contextmanager
def embedded(
    names: Sequence[str],
    *,
    folder: Path | str | None = None,
    progress: Progress | None = None,
    agree: Callable[[Sequence[weights.Weights]], bool] | None = None,
    context: int = 4096,
    slots: int | Sequence[int] = 8,
) -> Iterator[list[Engine]]:
    """Serve embedded models by name (`0.5b`) for the time of the block, fetching their weights first if need be.

    `folder` is a weights folder (`--weights`). `agree` is asked before a download (`weights.asking`). `slots` is one
    number, or one a name: a model that only answers needs fewer than one that gives eight verdicts, and less memory
    then. Names that are equal share one server.

    Raises:
        ConfigError: no embedded model has that name.
        EngineError: the weights can't be had, or a server does not start.
    """
    progress = progress or Quiet()
    models = {model.name: model for model in map(weights.model, names)}
    wanted = [slots] * len(names) if isinstance(slots, int) else list(slots)
    most = {weights.model(name).name: count for count, name in sorted(zip(wanted, names, strict=True))}
    files = weights.ensure(list(models.values()), folder, progress, agree)
    with ExitStack() as stack:
        engines = {
            name: stack.enter_context(
                Engine.start(file, name=name, context=context, slots=most[name], progress=progress)
            )
            for name, file in zip(models, files, strict=True)
        }
        yield [engines[weights.model(name).name] for name in names]


def try_engine(limit: float = 60.0) -> str:
    """Load the engine in a child, without a model, and return its version.

    Raises:
        EngineError: it is missing or does not run on this computer.
    """
    process, log, report = launch("", {"path": None}, Quiet(), limit)
    tether.end(process)
    log.unlink(missing_ok=True)
    return str(report["version"])


def _allowed_threads() -> int | None:
    """The CPUs this process may use if they are fewer than the computer has, else None: the engine knows better.

    Reads the affinity and, on Linux, the quota of the control group, which containers set and the engine doesn't see.
    """
    everything = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else everything
    with suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
        allowed = min(allowed, max(1, round(int(quota) / int(period))))
    return allowed if allowed < everything else None

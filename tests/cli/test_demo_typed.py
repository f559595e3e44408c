"""Questions typed at a terminal: a prompt, an answer, the next prompt, and two ways to end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.demos import provider
from tests.cli.fakes import eventually
from tests.cli.served import ROOT
from tests.loopback import OpenAIServer

pytestmark = pytest.mark.slow

pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
PROMPT = "Your question (an empty line ends): "


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with provider() as running:
        yield running


@pytest.mark.parametrize(("key", "code"), [("\x04", 0), ("\n", 0), ("\x03", 130)], ids=["Ctrl-D", "empty", "Ctrl-C"])
def test_documents_without_a_question_ask_for_one(server: OpenAIServer, tmp_path: Path, key: str, code: int) -> None:
    (tmp_path / "kettle.txt").write_text("The kettle boils at noon.", "utf-8")
    errors = tmp_path / "errors.txt"
    keyboard, terminal = pty.openpty()
    command = [sys.executable, "-m", "automix_cli", "demo", "-q", "--docs", str(tmp_path / "kettle.txt")]
    command += ["--small", f"{server.url}#small", "--large", f"{server.url}#large"]
    with (
        errors.open("wb") as file,
        subprocess.Popen(
            command,
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            cwd=ROOT,
            preexec_fn=_own_terminal,
        ) as process,
    ):
        os.close(terminal)
        assert eventually(lambda: PROMPT in errors.read_text("utf-8")), process.poll()
        os.write(keyboard, b"When does the kettle boil?\n")
        assert eventually(lambda: errors.read_text("utf-8").count(PROMPT) == 2), process.poll()
        time.sleep(0.1)
        os.write(keyboard, key.encode())
        said, _ = process.communicate(timeout=60)
    os.close(keyboard)
    assert process.returncode == code, errors.read_text("utf-8")
    assert "1  When does the kettle boil?" in said
    assert "kettle.txt: The kettle boils at noon." in said
    assert "1 question: 1 accepted." in said
    assert "Traceback" not in errors.read_text("utf-8")


def _own_terminal() -> None:
    """The pseudo-terminal is this process's, so that Ctrl-C typed there reaches it."""
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_what_is_no_text_is_one_line(server: OpenAIServer, locale: str) -> None:
    command = [sys.executable, "-m", "automix_cli", "demo", "-q", "--ask"]
    command += ["--small", f"{server.url}#small", "--large", f"{server.url}#large"]
    done = subprocess.run(command, input=b"\xff\n", capture_output=True, cwd=ROOT, env=os.environ | {"LC_ALL": locale})
    assert done.stderr == b"automix: The question is not UTF-8 text.\n"
    assert done.returncode == 1

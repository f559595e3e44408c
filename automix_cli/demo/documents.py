"""The user's own documents as passages: text, Markdown and PDF, from a folder or a single file."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from automix_core.errors import ConfigError, DataError

from .corpus import Passage

if TYPE_CHECKING:
    from ..progress import Progress

TEXT, MARKDOWN, PDF = {".txt", ".text", ".rst"}, {".md", ".markdown"}, {".pdf"}
LONGEST = 900
"""Characters of a passage; three of them and the checking examples fit the small window of the embedded engine."""
SHORTEST = 200
"""Characters under which a paragraph is joined with the next one."""


def read_documents(path: Path, progress: Progress) -> list[Passage]:
    """The passages of the documents at `path`, files in the order of their names; hidden ones are left out.

    Each is titled with its file and, where there is one, its heading or page. A PDF without text is named and skipped.

    Raises `DataError`, naming what it is about, where there is nothing to read or a file can't be read.
    """
    files = _files(path, progress)
    passages: list[Passage] = []
    with progress.waiting(f"reading {len(files)} file{'s' * (len(files) != 1)} in {path}"):
        for file in files:
            found = list(_passages(file, str(file.relative_to(path)) if path.is_dir() else file.name))
            passages += found
            if not found:
                scan = " (a scan has pictures of text only)" if file.suffix.lower() in PDF else ""
                progress.note(f"{file} holds no text{scan} and is left out.")
    if not passages:
        raise DataError(f"{path} holds no words to search: its {len(files)} readable files are empty, or are scans.")
    return passages


def _files(path: Path, progress: Progress) -> list[Path]:
    if not path.exists():
        raise DataError(f"--docs: {path} does not exist.")
    known = TEXT | MARKDOWN | PDF
    within = sorted(path.rglob("*")) if path.is_dir() else [path]
    shown = [
        file for file in within if file.is_file() and not any(p.startswith(".") for p in file.relative_to(path).parts)
    ]
    files = [file for file in shown if file.suffix.lower() in known]
    others = Counter(file.suffix.lower() or "without an ending" for file in shown if file.suffix.lower() not in known)
    counted = ", ".join(f"{number} {kind}" for kind, number in others.most_common(5))
    if files:
        if others:
            progress.note(f"{path} holds files that are no text, Markdown or PDF, which are left out: {counted}.")
        return files
    if path.is_file():
        raise DataError(f"--docs: {path} is not a text (.txt), Markdown (.md) or PDF file.")
    wanted = "put text (.txt), Markdown (.md) or PDF files there"
    if not shown:
        raise DataError(f"--docs: {path} is empty; {wanted}.")
    raise DataError(f"--docs: {path} holds no text, Markdown or PDF, only {counted}; pictures can't be read; {wanted}.")


def _passages(file: Path, name: str) -> Iterator[Passage]:
    suffix = file.suffix.lower()
    sections: Iterator[tuple[str, str]]
    if suffix in PDF:
        sections = ((f"{name}, page {number}", text) for number, text in enumerate(_pages(file), start=1))
    elif suffix in MARKDOWN:
        sections = ((f"{name}, {heading}" if heading else name, text) for heading, text in _headed(_text(file)))
    else:
        sections = iter([(name, _text(file))])
    for title, text in sections:
        parts = split(text)
        for number, part in enumerate(parts, start=1):
            yield Passage(title if len(parts) == 1 else f"{title}, part {number}", part)


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"--docs: {file} is not UTF-8 text; save it as UTF-8, or take it out of the folder.") from None
    except OSError as error:
        raise DataError(f"--docs: {file} can't be read: {error.strerror or error}.") from None


def _pages(file: Path) -> list[str]:
    try:
        from pypdf import PdfReader
    except ImportError:
        raise ConfigError("pypdf is missing, which reads PDF files: pip install 'automix-rag[demo]'") from None
    log = logging.getLogger("pypdf")
    level = log.level
    log.setLevel(logging.CRITICAL)  # it reports each oddity of a file that it then reads
    try:
        reader = PdfReader(file)
        if reader.is_encrypted and not reader.decrypt(""):
            raise DataError(f"--docs: {file} is protected by a password; save it without one.")
        return [page.extract_text() for page in reader.pages]
    except DataError:
        raise
    except Exception as error:  # a broken PDF can raise anything
        why = (
            error.strerror if isinstance(error, OSError) else f"no PDF that pypdf understands ({type(error).__name__})"
        )
        raise DataError(f"--docs: {file} can't be read: {why}.") from None
    finally:
        log.setLevel(level)


def _headed(text: str) -> Iterator[tuple[str, str]]:
    """The sections of a Markdown text without comments, each under its nearest heading; no # in fenced code is one."""
    heading, fenced = "", False
    lines: list[str] = []
    for line in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL).splitlines():
        fenced ^= line.lstrip().startswith(("```", "~~~"))
        found = None if fenced else re.match(r"#{1,6}\s+(.*?)\s*#*\s*$", line)
        if found:
            yield heading, "\n".join(lines)
            heading, lines = found[1], []
        else:
            lines.append(line)
    yield heading, "\n".join(lines)


def split(text: str) -> list[str]:
    """Passages of whole paragraphs: short ones joined, long ones cut between sentences, at worst between words."""
    parts: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        plain = " ".join(paragraph.split())
        for piece in _pieces(plain, LONGEST):
            if parts and len(parts[-1]) < SHORTEST and len(parts[-1]) + len(piece) < LONGEST:
                parts[-1] += f" {piece}"
            else:
                parts.append(piece)
    if len(parts) > 1 and len(parts[-1]) < SHORTEST and len(parts[-2]) + len(parts[-1]) < LONGEST:
        parts[-2:] = [f"{parts[-2]} {parts[-1]}"]
    return parts


def _pieces(text: str, longest: int) -> Iterator[str]:
    while len(text) > longest:
        head = text[:longest]
        ends = [found.end() for found in re.finditer(r"[.!?][\"')\]]*\s", head)]
        cut = ends[-1] if ends and ends[-1] > longest // 3 else head.rfind(" ") + 1 or longest
        yield text[:cut].strip()
        text = text[cut:].strip()
    if text:
        yield text

"""The user's own documents: what is read, how it is cut, and what is said about what can't be read."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from automix_cli.demo.documents import LONGEST, read_documents, split
from automix_cli.demo.retrieval import Retriever
from automix_cli.progress import Quiet
from automix_core.errors import DataError
from tests.cli.fakes import Notes


def pdf(*pages: str) -> bytes:
    """A PDF with a line of text a page; an empty string is a page without text."""
    bodies = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    kids = []
    for text in pages:
        stream = f"BT /F1 12 Tf 50 700 Td ({text}) Tj ET" if text else ""
        number = len(bodies) + 1
        font = "<< /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
        bodies.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font {font} >> "
            f"/Contents {number + 1} 0 R >>"
        )
        bodies.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        kids.append(f"{number} 0 R")
    bodies[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    whole, places = "%PDF-1.4\n", []
    for number, body in enumerate(bodies, start=1):
        places.append(len(whole))
        whole += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(bodies) + 1
    start = len(whole)
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    return f"{whole}xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}".encode("latin-1")


def locked(content: bytes) -> bytes:
    """The PDF behind a password."""
    writer, out = PdfWriter(PdfReader(io.BytesIO(content))), io.BytesIO()
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(out)
    return out.getvalue()


def test_text_markdown_and_pdf_are_found_by_file_heading_and_page(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("The kettle boils at noon.", "utf-8")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.MD").write_text("# Boats\n\nThe ferry leaves at nine.\n\n## Fares\nA seat costs 7 marks.\n")
    (tmp_path / "c.pdf").write_bytes(pdf("The library opens at ten.", "The attic is closed."))
    (tmp_path / ".hidden.txt").write_text("Not for you.", "utf-8")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    passages = read_documents(tmp_path, Quiet())
    assert [(p.title, p.text) for p in passages] == [
        ("b.txt", "The kettle boils at noon."),
        ("c.pdf, page 1", "The library opens at ten."),
        ("c.pdf, page 2", "The attic is closed."),
        ("sub/a.MD, Boats", "The ferry leaves at nine."),
        ("sub/a.MD, Fares", "A seat costs 7 marks."),
    ]
    assert Retriever(passages).search("What does a seat cost?")[0].title == "sub/a.MD, Fares"


def test_what_markdown_hides_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Tea\n<!-- To do:\n# check -->\nIt boils at noon.", "utf-8")
    (passage,) = read_documents(tmp_path, Quiet())
    assert (passage.title, passage.text) == ("a.md, Tea", "It boils at noon.")


def test_one_file_will_do(tmp_path: Path) -> None:
    file = tmp_path / "notes.md"
    file.write_text("\ufeffBefore any heading.\n\n```\n# no heading\n```\n", "utf-8")
    (passage,) = read_documents(file, Quiet())
    assert (passage.title, passage.text) == ("notes.md", "Before any heading. ``` # no heading ```")


def test_long_texts_are_cut_between_sentences_and_nothing_is_lost(tmp_path: Path) -> None:
    text = " ".join(f"Sentence number {number} says a little." for number in range(200))
    parts = split(text)
    assert " ".join(parts) == text
    assert all(len(part) <= LONGEST and part.endswith(".") for part in parts)
    (tmp_path / "long.txt").write_text(text, "utf-8")
    assert read_documents(tmp_path, Quiet())[1].title == "long.txt, part 2"


def test_paragraphs_stay_whole_and_short_ones_are_joined() -> None:
    long, short = "word " * 100, "A short one."
    assert split(f"{long}\n\n{long}") == [long.strip()] * 2
    assert split(f"{short}\n\n{short}\n \n{short}") == [" ".join([short] * 3)]
    assert split(f"{long}\n\n{short}") == [f"{long.strip()} {short}"]
    assert split("x" * (2 * LONGEST + 5)) == ["x" * LONGEST, "x" * LONGEST, "x" * 5]
    assert split(" \n\n ") == []


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "is empty; put text"),
        ({"a.jpg": b"\xff\xd8", "b.JPG": b"\xff\xd8", "c.png": b"\x89PNG"}, "only 2 .jpg, 1 .png; pictures can't be"),
        ({"bad.txt": b"\xff\xfe\xfa\x00"}, "bad.txt is not UTF-8 text"),
        ({"torn.pdf": b"%PDF-1.4\nnothing more"}, "torn.pdf can't be read: no PDF that pypdf understands"),
        ({"locked.pdf": locked(pdf("Secret."))}, "locked.pdf is protected by a password"),
        ({"scan.pdf": pdf("", "")}, "holds no words to search"),
        ({"blank.txt": b"\n\n"}, "holds no words to search"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, files: dict[str, bytes], words: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_documents(tmp_path, Quiet())
    assert words in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere does not exist"):
        read_documents(tmp_path / "nowhere", Quiet())


def test_other_files_beside_text_are_counted(tmp_path: Path) -> None:
    for name in ("a.md", "b.docx", "c.docx", "d"):
        (tmp_path / name).write_text("Words.", "utf-8")
    notes = Notes()
    assert len(read_documents(tmp_path, notes)) == 1
    (said,) = notes.said
    assert said.endswith("left out: 2 .docx, 1 without an ending.")
    with pytest.raises(DataError, match=r"b.docx is not a text \(\.txt\), Markdown"):
        read_documents(tmp_path / "b.docx", notes)


def test_a_scan_beside_text_is_named_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Words.", "utf-8")
    (tmp_path / "scan.pdf").write_bytes(pdf(""))
    notes = Notes()
    assert len(read_documents(tmp_path, notes)) == 1
    (said,) = notes.said
    assert "scan.pdf holds no text (a scan has pictures of text only)" in said

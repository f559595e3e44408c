"""The page of `automix evaluate --report`: what it says, in which order, and that no text in it is more than text."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from automix_cli.evaluate.report import questions, subject
from automix_cli.evaluate.report.markup import embedded, label, text
from automix_core import Always
from automix_core.outcomes import stored
from tests.cli.reports import EVIL_NAME, HOSTILE, rows, written
from tests.cli.test_fit import automix, write


class Read(HTMLParser):
    """A page as a parser sees it: its tags with their attributes, its scripts, its headings and its visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text = ""
        self.heads: list[str] = []
        self._in = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag in ("h1", "h2"):
            self.heads.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "script":
            attributes, before = self.scripts[-1]
            self.scripts[-1] = attributes, before + data
        elif self._in in ("h1", "h2"):
            self.heads[-1] += data
        elif self._in != "style":
            self.text += data

    def data(self, name: str) -> Any:
        """The JSON that the page's script reads."""
        return next(json.loads(said) for attributes, said in self.scripts if attributes.get("id") == f"data-{name}")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("plain"), rows(60)).read_text("utf-8")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("hostile"), rows(60, hostile=True)).read_text("utf-8")


def test_the_answer_comes_first_then_money_then_plain_words(plain: str) -> None:
    body = plain[plain.index("<main>") :]
    marks = [
        'class="verdict ',
        'class="tiles"',
        "1,000 questions cost, cost units",
        'class="plain"',
        "Figures for experts",
    ]
    places = [body.index(mark) for mark in marks]
    assert places == sorted(places)
    assert re.search(r'<p class="line">(Use it|Don&#x27;t|Not shown)', body)
    assert body.index("delta_ibc") > places[-1]


def test_the_parts_stand_in_order(plain: str) -> None:
    assert Read(plain).heads == [
        "Does the cascade pay?",
        "The answer",
        "Cost against quality",
        "Where money and time go",
        "Can the checks be trusted?",
        "The rule",
        "The most regrettable decisions",
        "Question by question",
    ]


def test_the_page_is_whole_fetches_nothing_and_runs_only_its_own_scripts(plain: str) -> None:
    page = Read(plain)
    assert plain.startswith("<!doctype html>")
    outside = [a for _, a in page.tags for name in ("src", "href") if (a.get(name) or "#")[0] != "#"]
    assert outside == []
    run = [said for attributes, said in page.scripts if "type" not in attributes]
    assert len(run) == 2
    assert sum("plotly.js v" in said[:200] for said in run) == 1
    policy = next(a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv")) or ""
    assert "default-src 'none'" in policy
    for said in run:
        assert base64.b64encode(hashlib.sha256(said.encode()).digest()).decode() in policy


def test_every_figure_has_words_and_a_table(plain: str) -> None:
    page = Read(plain)
    drawn = [attributes for _, attributes in page.tags if "data-figure" in attributes]
    assert {a["data-figure"] for a in drawn} == set(page.data("figures"))
    assert all(a["role"] == "img" and a["aria-label"] for a in drawn)
    assert len(drawn) == page.text.count("The same as a table") == 7
    figure = page.data("figures")["tradeoff-plot"]
    names = [note["text"] for note in figure["layout"]["annotations"]]
    assert names == ["<b>this policy</b>", "<b>model-0</b>", "<b>model-1</b>"]
    assert "cost units" in figure["layout"]["xaxis"]["title"]["text"]
    assert all("error_y" in trace for trace in figure["data"] if "markers" in trace["mode"])


def test_every_question_is_in_the_table_with_its_drafts_verdicts_signals_and_route(plain: str, tmp_path: Path) -> None:
    data = Read(plain).data("rows")
    records = rows(60)
    assert [row[0] for row in data["rows"]] == [record["id"] for record in records]
    assert data["signals"] == ["echo", "support"]
    first, small = data["rows"][0], records[0]["models"][0]
    assert first[8][0][0] == small["answer"]
    assert first[8][0][3] == "".join("?" if v is None else str(int(v)) for v in small["verdicts"])
    assert first[8][0][5] == [small["signals"]["echo"], small["signals"]["support"]]
    assert {re.sub(r"\d+", "n", way).replace("checks", "check") for way in data["routes"]} == {
        "draft kept after n check",
        "draft rejected after n check, model-n answered",
    }


def test_money_is_that_of_the_decisions(tmp_path: Path) -> None:
    decisions = tmp_path / "decisions.jsonl"
    page = Read(written(tmp_path, rows(40), "--decisions", decisions).read_text("utf-8"))
    done = [json.loads(line) for line in decisions.read_text().splitlines()]
    cost = sum(each["cost"] for each in done) / 40
    bars = page.data("figures")["money-plot"]["data"]
    assert sum(bar["x"][-1] for bar in bars) == pytest.approx(1000 * cost)
    assert [row[4] for row in page.data("rows")["rows"]] == pytest.approx([each["score"] for each in done], abs=1e-3)
    seconds = page.data("figures")["time-plot"]["data"]
    assert sum(bar["x"][-2] for bar in seconds) == pytest.approx(0.5)


def test_prices_are_told_in_dollars(tmp_path: Path) -> None:
    records = rows(30)
    for record in records:
        for model in record["models"]:
            model["usage"] = {"input_tokens": 1000, "output_tokens": 100}
            if model.get("verdicts"):
                model["verdict_usage"] = {"input_tokens": 8000, "output_tokens": 800}
    prices = ("--price", "model-0=1/2", "--price", "model-1=10/20")
    said = Read(written(tmp_path, records, *prices).read_text("utf-8")).text
    assert "1,000 questions cost, USD" in said
    assert "model-1=10/20" in said
    assert "cost units" not in said


def test_what_was_not_recorded_is_said(tmp_path: Path) -> None:
    records = rows(30, timed=False)
    for record in records:
        for model in record["models"]:
            model.pop("verdicts", None)
            model.pop("signals")
            model.pop("answer")
        record.pop("question")
        record.pop("context")
    page = Read(written(tmp_path, records, policy=Always(0)).read_text("utf-8"))
    assert "No draft was checked in these outcomes." in page.text
    assert "is known of fewer than 10" in page.text
    assert "its text was not recorded" in page.text
    assert set(page.data("figures")) == {"tradeoff-plot", "money-plot"}


def test_three_models_a_single_model_and_a_direct_confidence_have_their_pages(tmp_path: Path) -> None:
    three = Read(written(tmp_path / "three", rows(40, models=3)).read_text("utf-8"))
    assert any("model-1's draft" in way for way in three.data("rows")["routes"])
    direct = Read(written(tmp_path / "direct", rows(40, direct=True)).read_text("utf-8"))
    assert "direct confidence" in direct.text
    always = Read(written(tmp_path / "always", rows(40), policy=Always(1)).read_text("utf-8"))
    assert "model-1 answers everything, unchecked." in always.text
    assert "rule-plot-0" not in always.data("figures")


def test_a_fitted_rule_is_drawn_as_a_grid(tmp_path: Path) -> None:
    fitted, path = tmp_path / "fitted.json", write(tmp_path / "outcomes.jsonl", 120)
    automix("fit", path, "-o", fitted)
    automix("evaluate", fitted, path, "--report", tmp_path / "fitted.html")
    page = Read((tmp_path / "fitted.html").read_text("utf-8"))
    assert "expect less of it on new ones" in page.text
    (grid,) = page.data("figures")["rule-plot-0"]["data"]
    assert {"keep", "→2", "more"} <= {cell for row in grid["text"] for cell in row}


def test_hostile_texts_are_texts(hostile: str) -> None:
    page = Read(hostile)
    assert {tag for tag, _ in page.tags} & {"img", "svg", "iframe"} == set()
    assert len(page.scripts) == 4
    assert not [a for _, a in page.tags if any(name.startswith("on") for name in a)]
    assert all((a.get("href") or "#").startswith("#") for _, a in page.tags)
    assert sum(said in page.text for said in HOSTILE) > 3
    assert {row[1] for row in page.data("rows")["rows"]} == set(HOSTILE)
    for attributes, said in page.scripts:
        if attributes.get("type") == "application/json":
            assert not re.search("[<>&\u2028\u2029]", said)


def test_hostile_names_are_no_tags_in_pictures(hostile: str) -> None:
    figures = Read(hostile).data("figures")
    said = json.dumps(figures).replace("<b>", "").replace("</b>", "").replace("<br>", "").replace("<extra>", "")
    assert "<" not in said.replace("</extra>", "")
    assert EVIL_NAME[:10].replace("<", "&lt;") in said


def test_what_stands_in_scripts_and_pictures_is_inert() -> None:
    assert embedded("</script><!--\u2028&") == '"\\u003c/script\\u003e\\u003c!--\\u2028\\u0026"'
    assert text("{{x}} <\ud83d>") == "&#123;&#123;x&#125;&#125; &lt;?&gt;"
    assert label("<b>x</b>\n" + "y" * 40) == "&lt;b&gt;x&lt;/b&gt; " + "y" * 18 + "…"
    with pytest.raises(ValueError, match="JSON"):
        embedded(float("nan"))


def test_of_many_questions_a_part_is_shown_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "MOST", 25)
    page = Read(written(tmp_path, rows(60)).read_text("utf-8"))
    assert len(page.data("rows")["rows"]) == 25
    assert "25 of 60 questions, evenly spaced among them." in page.text
    for module in (stored, subject):
        monkeypatch.setattr(module, "IN_MEMORY", 40)
    page = Read(written(tmp_path / "lots", rows(60)).read_text("utf-8"))
    assert "examples are of 40 of them, drawn by lot." in page.text
    assert "25 of 60 questions" in page.text
    assert questions.shown(26)[::24] == [0, 25]


def test_long_texts_are_cut_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = rows(60)
    for record in records:
        record["models"][0]["answer"] = "word " * 2000
    page = Read(written(tmp_path, records).read_text("utf-8"))
    assert "Texts longer than 2,000 signs are cut." in page.text
    assert len(page.data("rows")["rows"][0][8][0][0]) == 2000


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "There are no outcomes"),
        (rows(5), "evaluating needs 10 or more"),
        ([row | {"models": row["models"][:1]} for row in rows(12)], "at least 2"),
        (
            [row | {"models": [row["models"][0] | {"score": float("nan")}, row["models"][1]]} for row in rows(12)],
            "line 1",
        ),
    ],
    ids=["no rows", "few rows", "one model", "NaN"],
)
def test_bad_outcomes_are_one_sentence_and_no_page(lines: list[dict[str, Any]], words: str, tmp_path: Path) -> None:
    written(tmp_path, rows(12))
    (tmp_path / "report.html").unlink()
    path = tmp_path / "outcomes.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = automix("evaluate", tmp_path / "policy.json", path, "--report", tmp_path / "report.html", fails=1).stderr
    assert words in said
    assert str(path) in said
    assert not (tmp_path / "report.html").exists()


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    written(tmp_path, rows(12))
    nowhere = tmp_path / "policy.json" / "report.html"
    said = automix(
        "evaluate", tmp_path / "policy.json", tmp_path / "outcomes.jsonl", "--report", nowhere, fails=1
    ).stderr
    assert str(nowhere) in said


def test_without_the_extra_one_line_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, rows(12))
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "automix_cli.evaluate.report.page.find_spec", lambda name: None if name == "plotly" else found(name)
    )
    arguments = (tmp_path / "policy.json", tmp_path / "outcomes.jsonl", "--report", tmp_path / "new.html")
    assert "pip install 'automix-rag[report]'" in automix("evaluate", *arguments, fails=2).stderr
    assert not (tmp_path / "new.html").exists()

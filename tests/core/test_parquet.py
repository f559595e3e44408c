"""Outcomes as Parquet: nothing is lost, and what is wrong is named by file and row."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyarrow", reason="needs the extra parquet")

from automix_core.errors import ConfigError, DataError
from automix_core.outcomes import stored
from automix_core.outcomes.arrow import Rows
from automix_core.outcomes.columns import Columns
from automix_core.outcomes.outcome import Outcome, digest, read_outcomes
from automix_core.outcomes.parquet import batches, schema, write_rows
from automix_core.outcomes.spool import SortedLines
from automix_core.outcomes.stored import convert, read_stored
from tests.core.worlds import outcomes

SHARES = st.floats(0, 1)
NAMES = st.sampled_from(["support", "echo", "own"])
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
WHOLE = st.integers(0, 10**6)
TOKENS = st.fixed_dictionaries(
    {"input_tokens": WHOLE, "output_tokens": WHOLE},
    optional={"cached_input_tokens": WHOLE, "requests": st.integers(1, 9)},
)
MODEL = st.fixed_dictionaries(
    {"score": SHARES, "cost": st.floats(0, 1e100)},
    optional={
        "answer": TEXTS,
        "verdicts": st.lists(st.sampled_from([True, False, None]), max_size=4),
        "verdict_texts": st.lists(st.none() | TEXTS, max_size=4),
        "verdict_cost": st.floats(0, 10) | st.fixed_dictionaries({"first": st.integers(0, 9), "each": SHARES}),
        "probability": SHARES,
        "problem": st.sampled_from(["", "cut off"]),
        "signals": st.dictionaries(NAMES, st.floats(-5, 5), max_size=3),
        "signal_cost": st.dictionaries(NAMES, SHARES, max_size=2),
        "usage": TOKENS,
        "verdict_usage": TOKENS,
        "seconds": st.floats(0, 99),
        "verdict_seconds": st.floats(0, 99),
    },
)
RECORDS = st.lists(
    st.fixed_dictionaries(
        {"models": st.tuples(MODEL, MODEL)},
        optional={
            "question": TEXTS,
            "context": TEXTS | st.lists(TEXTS, max_size=3),
            "answers": st.lists(TEXTS, max_size=2),
            "reference": st.sampled_from(["gold", "largest"]),
            "prompt": TEXTS,
            "served": st.integers(0, 1),
            "audit_cost": SHARES,
            "query_signals": st.dictionaries(NAMES, SHARES, max_size=2),
        },
    ),
    min_size=1,
    max_size=6,
)


def made(records: list[dict[str, Any]]) -> list[Outcome]:
    for number, record in enumerate(records):
        first, last = record["models"]
        record |= {"id": f'"{number}', "models": [{**first, "name": "small"}, {**last, "name": "large"}]}
    return [Outcome.model_validate(record) for record in records]


def same(one: Columns, other: Columns) -> None:
    for field in fields(Columns):
        found, wanted = getattr(one, field.name), getattr(other, field.name)
        if isinstance(wanted, dict):
            assert found.keys() == wanted.keys(), field.name
            for name, values in wanted.items():
                np.testing.assert_array_equal(found[name], values, err_msg=name)
        else:
            np.testing.assert_array_equal(found, wanted, err_msg=field.name)


@settings(max_examples=60, deadline=None)
@given(RECORDS)
def test_nothing_is_lost_on_the_way_to_parquet_and_back(tmp_path_factory: pytest.TempPathFactory, records: Any) -> None:
    folder, found = tmp_path_factory.mktemp("trip"), made(records)
    path, back = folder / "outcomes.parquet", folder / "outcomes.jsonl"
    assert write_rows(path, (outcome.record() for outcome in found)) == len(found)
    assert read_outcomes(path) == found
    back.write_text("".join(json.dumps(outcome.record()) + "\n" for outcome in convert(path)))
    assert read_outcomes(back) == found
    routed = [outcome for outcome in found if outcome.routed]
    if not routed:
        return
    for file in (path, back):
        for most in (1, 100):
            read = read_stored(file, most=most)
            same(read.columns(), Columns.of(routed))
            assert read.digest == digest(routed)
            assert read.left == len(found) - len(routed)


@pytest.mark.parametrize("world", [{}, {"direct": True}, {"models": 3, "unreadable": 0.2, "soft": True}])
def test_rows_are_read_without_an_object_for_each(tmp_path: Path, world: dict[str, Any]) -> None:
    path, found = tmp_path / "outcomes.parquet", outcomes(40, **world)
    write_rows(path, (outcome.record() for outcome in found))
    for _, _, batch in batches(path):
        rows = Rows(batch)
        assert rows.usable
        same(rows.columns(), Columns.of(found))


def test_a_folder_of_parts_is_one_file(tmp_path: Path) -> None:
    found = outcomes(50)
    folder = tmp_path / "parts"
    folder.mkdir()
    for number in range(5):
        write_rows(folder / f"part-{number}.parquet", (o.record() for o in found[10 * number : 10 * number + 10]))
    assert read_outcomes(folder) == found
    assert read_stored(folder).digest == digest(found)
    with pytest.raises(DataError, match=r"folder without files that end in \.parquet"):
        read_stored(tmp_path)


def test_files_of_other_programs_are_read_by_their_names(tmp_path: Path) -> None:
    """Whole numbers for scores, mappings for signals, columns of their own, none that may be missing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    models = [{"name": name, "score": 1, "cost": 2, "signals": {"own": 0.5}} for name in ("a", "b")]
    pq.write_table(pa.Table.from_pylist([{"id": "1", "models": models, "mine": 3}]), tmp_path / "o.parquet")
    expected = Outcome.model_validate({"id": "1", "models": models})
    assert read_outcomes(tmp_path / "o.parquet") == [expected]
    same(read_stored(tmp_path / "o.parquet").columns(), Columns.of([expected]))


def model(**more: Any) -> dict[str, Any]:
    return {"name": "a", "score": 0.5, "cost": 1.0, **more}


@pytest.mark.parametrize(
    "odd",
    [
        {"models": [model(), model(name="b")]},
        {"models": [model(usage={"input_tokens": 3, "output_tokens": 4}), model(name="b")], "served": 1},
        {"models": None},
        {"models": [model(), None]},
        {"models": [model()]},
        {"models": [model(), model(), model()]},
        {"models": [model(), model(name=None)]},
        {"models": [model(verdicts=[1, 0, None]), model(name="b")]},
        {"models": [model(), model(name="b")], "served": -1},
        {"models": [model(), model(name="b")], "reference": "hearsay"},
        {"models": [model(), model(name="b")], "id": ""},
        {"models": [model(), model(name="b")], "id": None},
    ],
)
@pytest.mark.parametrize("shaped", [False, True])
def test_odd_rows_are_read_or_refused_as_one_by_one(tmp_path: Path, odd: dict[str, Any], shaped: bool) -> None:
    """Whatever a file holds, and whatever its types are: the arrays are those of the outcomes, or neither is had."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"id": "1", "models": [model(), model(name="b")]}, {"id": "2", **odd}]
    path = tmp_path / "outcomes.parquet"
    try:
        table = pa.Table.from_pylist(rows, schema=schema() if shaped else None)
    except pa.ArrowException:  # verdicts that are whole numbers
        return
    pq.write_table(table, path)
    expected, found = (told(lambda: Columns.of(read_outcomes(path))), told(lambda: read_stored(path).columns()))
    if isinstance(expected, str) or isinstance(found, str):
        assert str(found).split(":")[0] == str(expected).split(":")[0]
    else:
        same(found, expected)


def told(read: Callable[[], Columns]) -> Columns | str:
    """What is read, or why it can't be."""
    try:
        return read()
    except DataError as error:
        return str(error)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"score": 1.5}, r"row 3: field models\.0\.score"),
        ({"cost": -1.0}, r"row 3: field models\.0\.cost"),
        ({"cost": 1e101}, r"row 3: field models\.0\.cost"),
        ({"probability": 2.0}, r"row 3: field models\.0\.probability"),
        ({"seconds": float("inf")}, r"row 3: field models\.0\.seconds"),
        ({"verdict_cost": {"each": -1.0}}, r"row 3: field models\.0\.verdict_cost"),
        ({"name": "other"}, r"row 3: the models are other, large, on the first"),
    ],
)
def test_a_wrong_value_is_named_by_file_and_row(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    records = [outcome.record() for outcome in outcomes(5)]
    for record in records:
        record["models"][0]["name"], record["models"][1]["name"] = "small", "large"
    records[2]["models"][0] |= change
    path = tmp_path / "outcomes.parquet"
    write_rows(path, records)
    for read in (read_outcomes, read_stored):
        with pytest.raises(DataError, match=rf"outcomes\.parquet, {told}"):
            read(path)


def test_what_is_no_parquet_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.parquet"
    path.write_text('{"id": "1"}\n')
    with pytest.raises(DataError, match=r"outcomes\.parquet: no Parquet that can be read"):
        read_outcomes(path)
    with pytest.raises(DataError, match=r"other\.parquet can't be read"):
        read_outcomes(tmp_path / "other.parquet")
    write_rows(path, [])
    with pytest.raises(DataError, match="There are no outcomes"):
        read_stored(path)


@pytest.mark.parametrize("name", ["outcomes.jsonl", "outcomes.parquet"])
def test_an_id_that_comes_twice_is_found_beyond_what_memory_holds(tmp_path: Path, name: str) -> None:
    records = [outcome.record() for outcome in outcomes(30)]
    records[25]["id"] = records[20]["id"]
    path = tmp_path / name
    if path.suffix == ".parquet":
        write_rows(path, records)
    else:
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    what = "row" if path.suffix == ".parquet" else "line"
    with pytest.raises(DataError, match=rf"{what} 26: the id .* was already used on {what} 21\."):
        read_stored(path, most=10)


def test_many_outcomes_lie_in_a_file_and_a_sample_is_drawn_by_their_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "PART", 20)
    found = outcomes(300)
    path = tmp_path / "outcomes.jsonl"
    path.write_text("".join(json.dumps(outcome.record()) + "\n" for outcome in found))
    read = read_stored(path, most=50)
    same(read.columns(), Columns.of(found))
    same(read.columns(), Columns.of(found))  # it is read as often as asked
    drawn = read.columns(120)
    assert len(drawn) == 120
    path.write_text("".join(json.dumps(outcome.record()) + "\n" for outcome in reversed(found)))
    assert set(read_stored(path, most=50).columns(120).ids) == set(drawn.ids)
    assert drawn.coins.max() > 0.9  # the sample says nothing of the coins


def test_scores_that_come_later_are_joined(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, found = tmp_path / "outcomes.jsonl", outcomes(30)
    later = [{"id": found[3].id, "score": 0.25}, {"id": "nobody's", "score": 1}]
    path.write_text("".join(json.dumps(record) + "\n" for record in [*(o.record() for o in found), *later]))
    expected = read_outcomes(path)
    assert expected[3].models[-1].score == 0.25
    same(read_stored(path).columns(), Columns.of(expected))
    assert list(convert(path)) == expected
    assert caplog.text.count("1 scores of calls that it has no outcome of") == 3


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"automix-rag\[parquet\]"):
        read_outcomes(tmp_path / "outcomes.parquet")


def test_sorted_lines_are_sorted_however_few_memory_holds() -> None:
    lines = [f"{number * 7919 % 1000:04}" for number in range(1000)]
    for most in (1, 64, 5000):
        kept = SortedLines(most)
        for start in range(0, 1000, 37):
            kept.add(lines[start : start + 37])
        assert list(kept) == sorted(lines)


def test_the_columns_of_a_file_are_those_of_an_outcome() -> None:
    assert {*schema().names} - {"passages"} == set(Outcome.model_fields)
    found = outcomes(1)[0].models[0]
    assert {field.name for field in schema().field("models").type.value_type} == set(type(found).model_fields)

"""Simulated outcomes: two models, eight verdicts, partial scores, prices that differ by row; the same from a seed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

AT_ONCE = 50_000
VERDICTS = 8
SIGNALS = ("support", "echo")


def rows(n: int, seed: int = 0, *, signals: bool = False) -> Iterator[list[dict[str, Any]]]:
    """Records as a file holds them, some at a time."""
    for start in range(0, n, AT_ONCE):
        yield _records(start, _drawn(min(AT_ONCE, n - start), [seed, start]), signals)


def _drawn(n: int, seed: list[int]) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    right = rng.random(n) < 0.6
    small = np.where(rng.random(n) < 0.8, right, np.round(rng.random(n), 2))
    better = rng.random(n) < np.where(right, 0.9, 0.7)
    large = np.where(rng.random(n) < 0.8, better, np.round(rng.random(n), 2))
    said = rng.random((n, VERDICTS)) < np.where(right, 0.8, 0.35)[:, None]
    told = [0.4 + 0.3 * right + 0.2 * rng.standard_normal(n), rng.random(n)]
    length = rng.integers(200, 2000, n)
    return {"small": small, "large": large, "said": said, "told": np.clip(told, 0, 1), "length": length}


def _records(start: int, drawn: dict[str, Any], signals: bool) -> list[dict[str, Any]]:
    found = []
    columns = (drawn["small"], drawn["large"], drawn["length"], drawn["told"].T, drawn["said"].astype(int))
    for row, (small, large, read, words, verdicts) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
        first: dict[str, Any] = {"name": "small", "score": small, "cost": read * 1e-7, "verdicts": verdicts}
        first["verdict_cost"] = {"first": read * 1e-7, "again": 0.0, "each": 4e-7, "round": 0.0}
        if signals:
            first["signals"] = dict(zip(SIGNALS, words, strict=True))
        last = {"name": "large", "score": large, "cost": read * 2.5e-6}
        found.append({"id": f"q-{start + row:08d}", "reference": "gold", "models": [first, last]})
    return found


def write(path: Path, n: int, seed: int = 0, *, signals: bool = False) -> None:
    """The outcomes as JSON Lines, or as Parquet by the name's ending."""
    if path.suffix == ".parquet":
        _write_parquet(path, n, seed, signals)
        return
    with path.open("w", encoding="utf-8") as file:
        for part in rows(n, seed, signals=signals):
            file.write("".join(json.dumps(record, separators=(",", ":")) + "\n" for record in part))


def _write_parquet(path: Path, n: int, seed: int, signals: bool) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from automix_core.outcomes.parquet import schema

    shape = schema()
    with pq.ParquetWriter(path, shape, compression="zstd") as file:
        for start in range(0, n, AT_ONCE):
            file.write_table(_table(pa, shape, start, _drawn(min(AT_ONCE, n - start), [seed, start]), signals))


def _table(pa: Any, shape: Any, start: int, drawn: dict[str, Any], signals: bool) -> Any:
    """The same rows as `_records`, without an object for each."""
    n = len(drawn["small"])
    model = shape.field("models").type.value_type
    read, nothing = drawn["length"], np.zeros(n)

    def by_model(first: Any, last: Any) -> Any:
        return np.stack([first, last], axis=1).ravel()

    price = {"first": by_model(read * 1e-7, nothing), "each": by_model(nothing + 4e-7, nothing)}
    price |= {name: np.zeros(2 * n) for name in ("again", "round")}
    verdicts = pa.ListArray.from_arrays(
        pa.array(np.append(0, np.cumsum(by_model(nothing + VERDICTS, nothing))).astype(np.int32)),
        pa.array(drawn["said"].ravel()),
    )
    filled = {
        "name": pa.array(["small", "large"] * n),
        "score": pa.array(by_model(drawn["small"], drawn["large"])),
        "cost": pa.array(by_model(read * 1e-7, read * 2.5e-6)),
        "verdicts": verdicts,
        "verdict_cost": pa.StructArray.from_arrays([pa.array(price[f.name]) for f in model.field("verdict_cost").type],
                                                   fields=list(model.field("verdict_cost").type)),
    }  # fmt: skip
    if signals:
        pairs = model.field("signals").type.value_type
        names, values = pa.array([*SIGNALS] * n), pa.array(drawn["told"].T.ravel())
        ends = np.append(0, np.cumsum(by_model(nothing + 2, nothing))).astype(np.int32)
        filled["signals"] = pa.ListArray.from_arrays(
            pa.array(ends), pa.StructArray.from_arrays([names, values], fields=list(pairs))
        )
    inner = [filled.get(f.name, pa.nulls(2 * n, f.type)) for f in model]
    models = pa.ListArray.from_arrays(
        pa.array(np.arange(0, 2 * n + 1, 2, dtype=np.int32)), pa.StructArray.from_arrays(inner, fields=list(model))
    )
    top = {"id": pa.array([f"q-{start + row:08d}" for row in range(n)]), "models": models}
    top["reference"] = pa.array(["gold"] * n)
    arrays = [top.get(f.name, pa.nulls(n, f.type)) for f in shape]
    return pa.Table.from_arrays(arrays, schema=shape)

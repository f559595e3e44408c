"""Outcomes as Parquet: the same records as in JSON Lines, a row each (pyarrow, the extra `parquet`).

A context is a string under `context` or a list under `passages`; signals are lists of name and value.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, DataError
from ..files import replacing

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIX = ".parquet"
AT_ONCE = 20_000
"""Rows that are read or written together."""
NAMED = ("signals", "signal_cost", "query_signals")
TOKENS = ("input_tokens", "output_tokens", "cached_input_tokens", "requests")
PRICE = ("first", "again", "each", "round")
_ELEMENTS = frozenset({"list", "element", "item", "array", "key_value"})
TEXTS = ("question", "context", "passages", "answers")


def arrow() -> Any:
    """pyarrow with its parts that are used here. Raises `ConfigError`, naming the extra, where it is not installed."""
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError:
        raise ConfigError("Parquet needs pyarrow: pip install 'automix-rag[parquet]', or use JSON Lines.") from None
    return pyarrow


def is_parquet(path: str | os.PathLike[str]) -> bool:
    """Whether `path` is Parquet by its name, or a folder, which then holds parts in Parquet."""
    return Path(path).suffix.lower() == SUFFIX or Path(path).is_dir()


def parts(path: str | os.PathLike[str]) -> list[Path]:
    """The files of which `path` consists, in the order of their names. Raises `DataError` for a folder without any."""
    if not Path(path).is_dir():
        return [Path(path)]
    if found := sorted(Path(path).glob(f"*{SUFFIX}")):
        return found
    raise DataError(f"{path} is a folder without files that end in {SUFFIX}.")


def schema() -> pa.Schema:
    """The columns of a file of outcomes."""
    a = arrow()
    number, text, whole = a.float64(), a.string(), a.int64()
    named = a.list_(a.struct([("name", text), ("value", number)]))
    tokens = a.struct([(name, whole) for name in TOKENS])
    model = a.struct(
        [
            ("name", text),
            ("score", number),
            ("cost", number),
            ("answer", text),
            ("verdicts", a.list_(a.bool_())),
            ("verdict_texts", a.list_(text)),
            ("verdict_cost", a.struct([(name, number) for name in PRICE])),
            ("probability", number),
            ("problem", text),
            ("signals", named),
            ("signal_cost", named),
            ("usage", tokens),
            ("verdict_usage", tokens),
            ("seconds", number),
            ("verdict_seconds", number),
        ]
    )
    return a.schema(
        [
            ("id", text),
            ("models", a.list_(model)),
            ("question", text),
            ("context", text),
            ("passages", a.list_(text)),
            ("answers", a.list_(text)),
            ("reference", text),
            ("prompt", text),
            ("served", whole),
            ("audit_cost", number),
            ("query_signals", named),
        ]
    )


def batches(
    path: str | os.PathLike[str], columns: list[str] | None = None, told: Callable[[int], object] = lambda _: None
) -> Iterator[tuple[Path, int, pa.RecordBatch]]:
    """The rows of all parts, some at a time: file, the first one's number from 1 on, and the rows.

    With `columns` only those are read, a model's as "models.score".
    `told` is called with the bytes that are read. Raises `DataError` for what is no Parquet.
    """
    a, before = arrow(), 0
    for part in parts(path):
        try:
            size = part.stat().st_size
            with a.parquet.ParquetFile(part, pre_buffer=False) as file:
                rows, first = max(file.metadata.num_rows, 1), 1
                leaves = [file.schema.column(place).path for place in range(len(file.schema))]
                known = None if columns is None else _leaves(leaves, columns)
                for batch in file.iter_batches(AT_ONCE, columns=known):
                    yield part, first, batch
                    first += len(batch)
                    told(before + int(size * (first - 1) / rows))
            before += size
        except OSError as error:
            raise DataError(f"{part} can't be read: {error.strerror or error}.") from None
        except a.ArrowException as error:
            raise DataError(
                f"{part}: no Parquet that can be read ({str(error).splitlines()[0].rstrip('.')})."
            ) from None


def _leaves(paths: Iterable[str], wanted: list[str]) -> list[str]:
    """The leaves that lie under `wanted` names, whatever the writer calls the elements of a list."""
    names = [name.split(".") for name in wanted]
    found = []
    for path in paths:
        parts = [part for part in path.split(".") if part not in _ELEMENTS]
        found += [path] if any(parts[: len(name)] == name for name in names) else []
    return found


def read_rows(path: str | os.PathLike[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The records and the place of each. Raises `DataError`, naming file and row."""
    many = Path(path).is_dir()
    for part, first, batch in batches(path):
        for number, row in enumerate(records(batch), first):
            yield (f"{part.name}, row {number}" if many else f"row {number}"), row


def records(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Rows as JSON Lines have them, without what is null."""
    for row in batch.to_pylist():
        found = _plain(row)
        passages = found.pop("passages", None)
        if passages is not None and "context" not in found:
            found["context"] = passages
        if isinstance(found.get("models"), list):
            found["models"] = [_plain(model) if isinstance(model, Mapping) else model for model in found["models"]]
        yield found


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """What is not null; lists of name and value as mappings."""
    found = {name: _filled(value) for name, value in row.items() if value is not None}
    for name in NAMED:
        if isinstance(pairs := found.get(name), list):
            found[name] = dict(tuple(pair.values()) if isinstance(pair, Mapping) else pair for pair in pairs)
    return found


def _filled(value: Any) -> Any:
    return {name: part for name, part in value.items() if part is not None} if isinstance(value, Mapping) else value


def write_rows(path: str | os.PathLike[str], rows: Iterable[Mapping[str, Any]], *, private: bool = False) -> int:
    """Write records, as an outcome's `record` gives them, to a file of Parquet; how many there were.

    The file stands whole or not at all; a new one that is `private` is its owner's alone to read.
    """
    a, shape, rows, count = arrow(), schema(), iter(rows), 0
    try:
        with (
            replacing(path, private=private) as beside,
            a.parquet.ParquetWriter(beside, shape, compression="zstd") as file,
        ):
            while some := [_row(row) for row in islice(rows, AT_ONCE)]:
                file.write_table(a.Table.from_pylist(some, schema=shape))
                count += len(some)
    except OSError as error:
        raise DataError(f"{path} can't be written: {error.strerror or error}.") from None
    return count


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    found = _paired(record)
    if not isinstance(context := found.pop("context", None), str):
        found["passages"] = context
    else:
        found["context"] = context
    return found | {"models": [_paired(model) for model in record["models"]]}


def _paired(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: [{"name": key, "value": number} for key, number in value.items()] if name in NAMED else value
        for name, value in row.items()
    }

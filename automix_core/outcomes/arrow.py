"""Rows of Parquet as columns without an object for each: what is needed of them, and nothing of their texts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .columns import MISSING, UNREADABLE, Columns, Floats
from .parquet import PRICE, arrow, schema

if TYPE_CHECKING:
    import pyarrow as pa

NEEDED = [
    "id",
    "passages",
    "reference",
    "prompt",
    "served",
    "query_signals",
    *(
        f"models.{name}"
        for name in ("name", "score", "cost", "answer", "verdicts", "verdict_cost", "probability", "problem")
    ),
    *(f"models.{name}" for name in ("signals", "signal_cost", "usage", "seconds", "verdict_seconds")),
]
"""The leaves that are read: answers only to see which are empty."""
_HIGHEST = 1e100
_BLANK = "".join(sign for sign in map(chr, range(sys.maxunicode + 1)) if sign.isspace())


class Rows:
    """Rows of a file that are read as arrays.

    `usable` says whether every value is as an outcome must be; where it is not, the rows are to be read one by one, so
    that what is wrong is named.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._pa = arrow()
        self.batch, self.n = batch, len(batch)
        self.usable = self._shaped() and self._sound()

    def _shaped(self) -> bool:
        """Whether the columns are those of `schema`, and all rows of the same models."""
        wanted = {field.name: field.type for field in schema()}
        for field in self.batch.schema:
            if field.name != "models" and field.type != wanted.get(field.name):
                return False
        if {"id", "models"} - set(self.batch.schema.names) or not self.n:
            return False
        models, element = self.batch.column("models"), wanted["models"].value_type
        if not self._pa.types.is_list(models.type) or models.null_count:
            return False
        inner = {field.name: field.type for field in element}
        kind = models.type.value_type
        if any(field.type != inner.get(field.name) for field in kind) or len({field.name for field in kind}) < 3:
            return False
        lengths = models.value_lengths().to_numpy(zero_copy_only=False)
        self.models = int(lengths[0])
        if self.models < 2 or (lengths != self.models).any():
            return False
        self._of = models.flatten()
        if self._of.null_count:
            return False
        names = self._field("name")
        if names is None or names.null_count:
            return False
        places = names.dictionary_encode()
        codes = places.indices.to_numpy(zero_copy_only=False).reshape(self.n, self.models)
        self.names = tuple(places.dictionary.to_pylist()[code] for code in codes[0])
        return bool((codes == codes[0]).all())

    def _field(self, name: str) -> Any:
        place = self._of.type.get_field_index(name)
        return None if place < 0 else self._of.field(place)

    def _numbers(self, values: Any) -> Floats:
        if values is None:
            return np.full(self.n * self.models, np.nan)
        return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)

    def _by_model(self, name: str) -> Floats:
        return self._numbers(self._field(name)).reshape(self.n, self.models)

    def _sound(self) -> bool:
        ids = self.batch.column("id")
        pc = self._pa.compute
        if ids.null_count or pc.min(pc.binary_length(ids)).as_py() < 1:
            return False
        self.scores, self.costs = self._by_model("score"), self._by_model("cost")
        self.probability, self.seconds = self._by_model("probability"), self._by_model("seconds")
        self.verdict_seconds = self._by_model("verdict_seconds")
        self.price = self._prices()
        served = self._top("served")
        if served is not None and served.null_count < self.n and (pc.min(served).as_py() or 0) < 0:
            return False
        reference = self._top("reference")
        if reference is not None and set(pc.unique(reference).to_pylist()) - {None, "gold", "largest"}:
            return False
        known = [self.probability, self.seconds, self.verdict_seconds]
        return bool(
            ((self.scores >= 0) & (self.scores <= 1)).all()
            and ((self.costs >= 0) & (self.costs <= _HIGHEST)).all()
            and ((self.price >= 0) & (self.price <= _HIGHEST)).all()
            and all(np.isnan(v).any() or np.isfinite(v).all() for v in known)
            and not ((self.probability < 0) | (self.probability > 1)).any()
            and not any(((v < 0) | np.isinf(v)).any() for v in known)
        )

    def _top(self, name: str) -> Any:
        return self.batch.column(name) if name in self.batch.schema.names else None

    def _prices(self) -> Floats:
        found = self._field("verdict_cost")
        if found is None:
            return np.zeros((self.n, self.models, 4))
        fields = [self._pa.compute.fill_null(self._pa.compute.struct_field(found, name), 0.0) for name in PRICE]
        return np.stack([self._numbers(field) for field in fields], axis=1).reshape(self.n, self.models, 4)

    def _verdicts(self) -> NDArray[np.int8]:
        found = self._field("verdicts")
        if found is None:
            return np.full((self.n, self.models, 0), MISSING, dtype=np.int8)
        pc = self._pa.compute
        lengths = pc.fill_null(found.value_lengths(), 0).to_numpy(zero_copy_only=False)
        said = pc.fill_null(found.flatten().cast(self._pa.int8()), UNREADABLE).to_numpy(zero_copy_only=False)
        table = np.full((self.n * self.models, int(lengths.max(initial=0))), MISSING, dtype=np.int8)
        table[np.arange(table.shape[1]) < lengths[:, None]] = said
        return table.reshape(self.n, self.models, -1)

    def _empty(self) -> NDArray[np.bool_]:
        pc, found = self._pa.compute, np.zeros(self.n * self.models, dtype=bool)
        for name, told in (("problem", pc.greater), ("answer", pc.equal)):
            if (texts := self._field(name)) is not None and texts.null_count < len(texts):
                bare = texts if name == "problem" else pc.utf8_trim(texts, characters=_BLANK)
                found |= pc.fill_null(told(pc.binary_length(bare), 0), False).to_numpy(zero_copy_only=False)
        return np.asarray(found, dtype=bool).reshape(self.n, self.models)

    def _named(self, found: Any, rows: int, missing: float) -> dict[str, Floats]:
        """Lists of name and value as an array for each name."""
        if found is None or found.null_count == len(found):
            return {}
        pc, pairs = self._pa.compute, found.flatten()
        row = np.repeat(np.arange(rows), pc.fill_null(found.value_lengths(), 0).to_numpy(zero_copy_only=False))
        names = pairs.field(0).dictionary_encode()
        codes = names.indices.to_numpy(zero_copy_only=False)
        values = pairs.field(1).to_numpy(zero_copy_only=False)
        table = {}
        for code, name in sorted(enumerate(names.dictionary.to_pylist()), key=lambda pair: str(pair[1])):
            some = (codes == code) & ~np.isnan(values)
            if some.any():
                table[name] = np.full(rows, missing)
                table[name][row[some]] = values[some]
        return table

    def _tokens(self) -> Floats | None:
        if (found := self._field("usage")) is None:
            return None
        pc = self._pa.compute
        total = pc.add(*(pc.struct_field(found, name) for name in ("input_tokens", "output_tokens")))
        return _known(self._numbers(total).reshape(self.n, self.models))

    def asked(self) -> Rows:
        """The rows that a policy would be asked about: all but audited calls that came without context."""
        served, passages = self._top("served"), self._top("passages")
        if served is None or passages is None:
            return self
        pc = self._pa.compute
        without = pc.fill_null(pc.equal(passages.value_lengths(), 0), False)
        unasked = pc.and_(without, served.is_valid())
        return Rows(self.batch.filter(pc.invert(unasked))) if pc.any(unasked).as_py() else self

    def columns(self) -> Columns:
        """The columns."""
        shape, reference = (self.n, self.models), self._top("reference")
        self.verdicts = self._verdicts()
        named = {
            name: {key: v.reshape(shape) for key, v in self._named(self._field(name), self.n * self.models, m).items()}
            for name, m in (("signals", np.nan), ("signal_cost", 0.0))
        }
        free = np.zeros(self.n, dtype=bool)
        if reference is not None:
            equal = self._pa.compute.equal(reference, "largest")
            free = self._pa.compute.fill_null(equal, False).to_numpy(zero_copy_only=False)
        checked = (self.verdicts != MISSING).any(axis=2)
        return Columns(
            ids=tuple(self.batch.column("id").to_pylist()),
            names=self.names,
            scores=self.scores,
            costs=self.costs,
            verdicts=self.verdicts,
            probability=np.where(checked, np.nan, self.probability),
            verdict_cost=self.price,
            empty=self._empty(),
            free=free,
            signals=named["signals"],
            signal_cost=named["signal_cost"],
            query_signals=self._named(self._top("query_signals"), self.n, np.nan),
            seconds=_known(self.seconds),
            verdict_seconds=_known(self.verdict_seconds),
            tokens=self._tokens(),
        )

    def decisive(self, columns: Columns) -> Iterator[str] | None:
        """The lines that the digest is made of; None where signals make each outcome's own object the simpler way."""
        if columns.signals:
            return None
        return self._lines(columns)

    def _lines(self, columns: Columns) -> Iterator[str]:
        from json.encoder import encode_basestring_ascii as quoted

        words: dict[bytes, str] = {}
        for id_, scores, costs, said, prices, direct in zip(
            columns.ids,
            self.scores.tolist(),
            self.costs.tolist(),
            self.verdicts,
            self.price.tolist(),
            self.probability.tolist(),
            strict=True,
        ):
            models = []
            for m, score in enumerate(scores):
                if (key := said[m].tobytes()) not in words:
                    words[key] = ",".join(_SAID[v] for v in said[m].tolist() if v != MISSING)
                first, again, each, per_round = prices[m]
                price = f'{{"first":{first!r},"again":{again!r},"each":{each!r},"round":{per_round!r}}}'
                chance = "null" if direct[m] != direct[m] else repr(direct[m])
                models.append(f"[{score!r},{costs[m]!r},[{words[key]}],{price},{chance}]")
            yield f"[{quoted(id_)},[{','.join(models)}]]"

    @property
    def has_texts(self) -> bool:
        """Whether there are contexts that words could be looked for in."""
        found = [self._top(name) for name in ("context", "passages")]
        return any(texts is not None and texts.null_count < self.n for texts in found)

    def prompts(self) -> set[str | None]:
        """The digests of the checking prompts."""
        found = self._top("prompt")
        return {None} if found is None else set(self._pa.compute.unique(found).to_pylist())


_SAID = {1: "true", 0: "false", UNREADABLE: "null"}


def _known(values: Floats) -> Floats | None:
    return None if np.isnan(values).all() else values

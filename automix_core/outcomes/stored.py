"""A file of outcomes read once, part by part, into the arrays that fitting needs: in memory while they are few, in a
temporary file where they are many. Texts are let go as soon as a row is read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from json.decoder import scanstring  # type: ignore[attr-defined]
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from ..errors import DataError
from .arrow import NEEDED, Rows
from .columns import Columns, Floats, joined
from .later import Later
from .outcome import Outcome, checked, decisive, each_outcome, once, same_models, told_later
from .parquet import TEXTS, batches, is_parquet, records
from .spool import SortedLines, Spool

if TYPE_CHECKING:
    from collections.abc import Iterable

IN_MEMORY = 50_000
"""Rows up to which everything is kept in memory and computed in one go."""
PART = 50_000
"""Rows that are computed on together where there are more."""
_OBJECTS = 2_000

Change = Callable[[list[Outcome]], list[Outcome]]
Beside = Callable[[Columns, Sequence[Outcome]], Floats]


@dataclass(frozen=True, eq=False)
class Stored:
    """The outcomes of a file that policies are about, as columns in parts.

    `left` counts those that a policy is not asked about; `digest` is that of all, `digest_kept` of those that are not
    kept `apart`; `prompt` the digest of the checking prompt, if all verdicts were drawn with one.
    """

    path: Path
    names: tuple[str, ...]
    n: int
    left: int
    digest: str
    digest_kept: str
    prompt: str | None
    parts: Sequence[Columns] | Spool

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[Columns]:
        return iter(self.parts)

    def columns(self, most: int | None = None) -> Columns:
        """All rows in memory; of more than `most` those of that many whose ids have the lowest digests."""
        if most is None or self.n <= most:
            return joined(list(self))
        keys = np.concatenate([_lots(part) for part in self])
        bar = np.partition(keys, most - 1)[most - 1]
        return joined([part.rows(_lots(part) <= bar) for part in self])


def _lots(part: Columns) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """By what rows are drawn into a sample: bits of the ids' digests that no coin is made of."""
    digests = b"".join(hashlib.sha256(name.encode()).digest()[8:16] for name in part.ids)
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)


def read_stored(
    path: Path,
    *,
    change: Change | None = None,
    beside: Beside | None = None,
    apart: Callable[[str], bool] | None = None,
    told: Callable[[int], object] = lambda _: None,
    most: int | None = None,
) -> Stored:
    """Read a file of outcomes: JSON Lines, Parquet, or a folder of parts in Parquet.

    `change` is applied to the outcomes as they are read (prices, say), `beside` makes each row's `baseline`, `apart`
    says which ids `digest_kept` leaves out, `told` hears how many bytes are read. More than `most` rows (`IN_MEMORY`)
    lie in a temporary file. Raises `DataError`, naming file and line, where a record is wrong, an id comes twice, the
    models change or nothing is there.
    """
    reading = partial(_Reading, path, change, beside, told, IN_MEMORY if most is None else most)
    if is_parquet(path):
        return reading().parquet().stored(apart)
    later: dict[str, Later] = {}
    found = reading().lines_of(later, {})
    if later:  # a score stands behind its outcome, so they are joined when the file is read again
        found = reading().lines_of({}, later)
    return found.stored(apart)


def convert(source: Path, told: Callable[[int], object] = lambda _: None) -> Iterator[Outcome]:
    """The outcomes of a file, one after the other, with what was said of them later joined to them."""
    later: dict[str, Later] = {}
    if not is_parquet(source):
        for _ in each_outcome(source, later):
            pass
    outcomes = same_models(source, once(source, each_outcome(source, {}, told)))
    yield from told_later(source, (outcome for _, outcome in outcomes), later)


class _Reading:
    def __init__(
        self, path: Path, change: Change | None, beside: Beside | None, told: Callable[[int], object], most: int
    ) -> None:
        self.path, self.change, self.beside, self.told, self.most = path, change, beside, told, most
        self.n = self.left = 0
        self.names: tuple[str, ...] = ()
        self.prompts: set[str | None] = set()
        self.lines = SortedLines()
        self.held: list[Columns] = []
        self.spool: Spool | None = None
        self.pieces: list[Columns] = []

    def stored(self, apart: Callable[[str], bool] | None) -> Stored:
        self._part()
        if not self.n:
            raise DataError(f"{self.path}: There are no outcomes: the file is empty, or holds scores only.")
        digest, kept = self._digests(apart)
        prompt = self.prompts.pop() if len(self.prompts) == 1 else None
        parts = self.held if self.spool is None else self.spool
        return Stored(self.path, self.names, self.n, self.left, digest, kept, prompt, parts)

    def lines_of(self, noted: dict[str, Later], later: Mapping[str, Later]) -> Self:
        """Take in JSON Lines, with what was said `later` joined; what the file says later is `noted`."""
        outcomes = each_outcome(self.path, noted, self.told)
        only_once = (outcome for _, outcome in once(self.path, same_models(self.path, outcomes), self.most))
        joined_later = told_later(self.path, only_once, later)
        while some := list(islice(joined_later, _OBJECTS)):
            self._objects(some)
        return self

    def _objects(self, outcomes: list[Outcome]) -> None:
        changed = outcomes if self.change is None else self.change(outcomes)
        kept = [outcome for outcome in changed if outcome.routed]
        self.left += len(changed) - len(kept)
        if kept:
            self.prompts |= {outcome.prompt for outcome in kept}
            self.lines.add(map(decisive, kept))
            columns = Columns.of(kept)
            self._keep(columns if self.beside is None else replace(columns, baseline=self.beside(columns, kept)))

    def parquet(self) -> Self:
        """Take in Parquet."""
        needed = [*NEEDED, *(TEXTS if self.beside is not None else ())]
        needed = needed if self.change is None else [*needed, "models.verdict_usage"]
        for file, first, batch in batches(self.path, needed, self.told):
            rows = Rows(batch)
            if self.change is not None or not rows.usable or not self._arrays(file, first, rows):
                places = (f"row {number}" for number in range(first, first + len(batch)))
                outcomes = [checked(file, at, row)[1] for at, row in zip(places, records(batch), strict=True)]
                alike = list(same_models(file, ((f"row {r}", o) for r, o in enumerate(outcomes, first))))
                self._named(file, first, tuple(model.name for model in alike[0][1].models))
                self._objects(outcomes)
        return self

    def _named(self, file: Path, first: int, names: tuple[str, ...]) -> None:
        self.names = self.names or names
        if names != self.names:
            raise DataError(
                f"{file}, row {first}: the models are {', '.join(names)}, on the first row {', '.join(self.names)}; "
                "all outcomes of a file must be of the same models in the same order."
            )

    def _arrays(self, file: Path, first: int, rows: Rows) -> bool:
        """Take the rows in without an object for each; False where that can't be done."""
        left, rows = rows.n, rows.asked()
        if not rows.n:
            self.left += left
            return True
        columns = rows.columns()
        if (lines := rows.decisive(columns)) is None:
            return False
        if self.beside is not None:
            baseline = self.beside(columns, ())
            if np.isnan(baseline).any() and rows.has_texts:
                return False
            columns = replace(columns, baseline=baseline)
        self._named(file, first, rows.names)
        self.prompts |= rows.prompts()
        self.lines.add(lines)
        self.left += left - rows.n
        self._keep(columns)
        return True

    def _keep(self, columns: Columns) -> None:
        self.names = self.names or columns.names
        self.n += len(columns)
        self.pieces.append(columns)
        if sum(map(len, self.pieces)) >= PART:
            self._part()

    def _part(self) -> None:
        pieces = [piece for piece in self.pieces if len(piece)]
        self.pieces = []
        if not pieces:
            return
        part = joined(pieces)
        if self.spool is None and self.n > self.most:
            self.spool = Spool()
            for held in self.held:
                self.spool.add(held)
            self.held = []
        if self.spool is None:
            self.held.append(part)
        else:
            self.spool.add(part)

    def _digests(self, apart: Callable[[str], bool] | None) -> tuple[str, str]:
        """The digests of all and of what is kept. Raises `DataError` where an id comes twice."""
        digests, before = (hashlib.sha256(), hashlib.sha256()), ""
        begun = [False, False]
        for line in self.lines:
            name, _ = scanstring(line, 2)
            if name == before:
                raise DataError(self._twice(name))
            before = name
            for which, digest in enumerate(digests):
                if which == 0 or apart is None or not apart(name):
                    digest.update(b"\n" * begun[which] + line.encode())
                    begun[which] = True
        return digests[0].hexdigest(), digests[1].hexdigest()

    def _twice(self, name: str) -> str:
        places: Iterable[str] = (at for at, outcome in each_outcome(self.path, {}) if outcome.id == name)
        first, second = islice(places, 2)
        return f"{self.path}, {second}: the id {name!r} was already used on {first}."

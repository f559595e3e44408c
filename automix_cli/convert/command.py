"""`automix convert`: outcomes as Parquet or as JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from automix_cli.printing import not_over, outputs, say, write
from automix_cli.progress import progress
from automix_cli.recorded import reading
from automix_core.outcomes.parquet import SUFFIX, arrow, write_rows


def convert(
    source: Annotated[
        Path, typer.Argument(help="Recorded outcomes, JSON Lines or Parquet, or a folder of parts.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Argument(help="Where to write them: Parquet if the name ends in .parquet.", show_default=False)
    ],
) -> None:
    """Write outcomes in another form, one after the other, with later scores joined to them. Nothing is lost."""
    from automix_core.outcomes.stored import convert as outcomes

    outputs(output, inputs=[source])
    not_over(output, "outcomes")
    count = 0
    if output.suffix.lower() == SUFFIX:
        arrow()  # what is missing is said before anything is read
    with reading(source, progress()) as told:
        records = (outcome.record() for outcome in outcomes(source, told))
        if output.suffix.lower() == SUFFIX:
            count = write_rows(output, records, private=True)
        else:

            def lines() -> Iterator[str]:
                nonlocal count
                for record in records:
                    count += 1
                    yield json.dumps(record, ensure_ascii=False) + "\n"

            write(output, lines(), private=True)
    say(f"wrote {count} outcomes to {output}")

"""`automix convert`: outcomes as Parquet or as JSON Lines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automix_cli.printing import not_over, outputs, say
from automix_cli.progress import progress
from automix_cli.recorded import as_parquet, reading, write_outcomes


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
    as_parquet(output)  # what is missing is said before anything is read
    with reading(source, progress()) as told:
        count = write_outcomes(output, (outcome.record() for outcome in outcomes(source, told)))
    say(f"wrote {count} outcomes to {output}")

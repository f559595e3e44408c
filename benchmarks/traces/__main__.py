"""The pictures of the pages on tracing: one real call each, drawn as it reached the collector.

    python -m benchmarks.traces docs

writes langchain/trace.svg and llamaindex/trace.svg there. The models are scripted and answer after a set time; what
else takes time is measured in that run, which follows one that is thrown away.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.traces import langchain, llamaindex
from benchmarks.traces.picture import drawn
from benchmarks.traces.scripted import CHECK, LARGE, SMALL

CAPTION = (
    "One call that went to the large model. Scripted models, which answer after "
    f"{1000 * SMALL:.0f} ms (draft), {1000 * CHECK:.0f} ms (check), {1000 * LARGE:.0f} ms (answer); a token is a word. "
    "Blue: billed."
)

if __name__ == "__main__":
    docs = Path(sys.argv[1])
    for name, traced, title in (
        ("langchain", langchain.traced, "A LangChain chain, as posted to LangSmith"),
        ("llamaindex", llamaindex.traced, "A LlamaIndex query, by OpenInference"),
    ):
        traced(pace=0)
        (docs / name / "trace.svg").write_text(drawn(traced(), title, CAPTION), encoding="utf-8")

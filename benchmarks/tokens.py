"""Tokens billed against tokens reported: by the usage callback, on the message, and in LangSmith.

    python -m benchmarks.tokens [--peer-python PATH] [--json]

The loopback provider keeps the bill; the real LangSmith client posts to a loopback collector, where the sum is taken
over the model runs. One escalated and one kept call each, by invoke and by stream.
"""

from __future__ import annotations

import json
import warnings
from typing import Any

from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.tracers.langchain import LangChainTracer

from benchmarks.subjects import WAYS, Way, arguments, build, results, script
from tests.loopback import LangSmithCollector, OpenAIServer


def total(usage: Any) -> int:
    return int(usage["total_tokens"]) if usage else 0


def call(subject: str, how: str, way: Way) -> dict[str, int]:
    """The five figures of one call, and how many root traces it made."""
    with OpenAIServer() as server, LangSmithCollector() as collector:
        script(server, way)
        client = collector.client()
        config: Any = {"callbacks": [LangChainTracer(client=client)]}
        model = build(subject, server, way)
        with get_usage_metadata_callback() as reported:
            if how == "invoke":
                message: Any = model.invoke("Who built the lighthouse?", config)
            else:
                chunks = list(model.stream("Who built the lighthouse?", config))
                message = sum(chunks[1:], chunks[0])
        client.flush()
        client.close()
        runs = [node for node in collector.nodes() if node.kind == "llm"]
        return {
            "billed": sum(server.tokens()),
            "callback": sum(total(usage) for usage in reported.usage_metadata.values()),
            "message": total(message.usage_metadata),
            "langsmith": sum(sum(node.usage) for node in runs if node.usage),
            "roots": len(collector.roots()),
        }


def measure(subject: str) -> dict[str, dict[str, int]]:
    return {f"{how}, {way}": call(subject, how, way) for how in ("invoke", "stream") for way in WAYS}


def main() -> None:
    warnings.simplefilter("ignore")
    asked = arguments(__doc__)
    found = results("benchmarks.tokens", measure, asked)
    if asked.json:
        print(json.dumps(found))
        return
    for subject, table in found.items():
        print(subject)
        for row, figures in table.items():
            print(f"  {row:18}" + "  ".join(f"{name} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()

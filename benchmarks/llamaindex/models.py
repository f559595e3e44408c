"""Real models over a real index: the cascade against its small and its large model alone, in one run.

    python -m benchmarks.llamaindex.models [--data DIR] [--questions N] [--passages N] [--weights DIR] [--tiny] [--json]

The embedded models answer questions of SQuAD 2.0 in three query engines over the same passages, found by BM25. Each
question is asked of all three before the next one, so that other work on the machine meets them alike, of the cascade
first, and of the models alone with the prompt read anew: none finds its prompt in a server's cache. Seconds are
those of whole queries; tokens are those of the routes, checks included; F1 is token F1 against the gold answers, where
a question that its passage does not answer wants the word unanswerable.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llama_index.core.prompts import PromptTemplate
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from automix_cli.demo.corpus import Passage
from automix_cli.demo.retrieval import Retriever
from automix_cli.engine.engine import embedded
from automix_cli.progress import Quiet
from automix_cli.weights import DEFAULT_PAIR, TINY_PAIR
from automix_core import Always, Route
from automix_core.outcomes.scoring import f1
from llamaindex_automix import AutoMixLLM, collect_routes
from llamaindex_automix.child.endpoint import openai_like

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
PROMPT = PromptTemplate(
    "Answer the question from the passages, in a few words. If they do not contain the answer, say: unanswerable.\n\n"
    "Passages:\n\n{context_str}\n\nQuestion: {query_str}"
)
ENGINES = ("cascade", "always small", "always large")


class Searching(BaseRetriever):
    """The best passage by BM25."""

    def __init__(self, passages: Sequence[str]) -> None:
        super().__init__()
        self._retriever = Retriever([Passage(f"Passage {number}", text) for number, text in enumerate(passages)])

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = self._retriever.search(query_bundle.query_str, k=1)
        return [NodeWithScore(node=TextNode(text=passage.text)) for passage in found]


def read(folder: Path, questions: int, passages: int) -> tuple[list[dict[str, Any]], list[str]]:
    """The questions, evenly spread, and at least `passages` passages, theirs among them."""
    lines = (folder / "squad2.jsonl").read_text("utf-8").splitlines()
    records: list[dict[str, Any]] = [json.loads(line) for line in lines]
    texts = list(dict.fromkeys(record["context"] for record in records))
    asked = records[:: max(1, len(records) // questions)][:questions]
    wanted = dict.fromkeys(record["context"] for record in asked)
    return asked, list(dict.fromkeys([*wanted, *texts[: max(passages, len(wanted))]]))


def measure(
    models: Sequence[Any], alone: Sequence[Any], asked: Sequence[dict[str, Any]], passages: Sequence[str]
) -> dict[str, Any]:
    """Ask every engine every question."""
    searching = Searching(passages)
    llms = {
        "cascade": AutoMixLLM(models=list(models)),
        "always small": AutoMixLLM(models=list(alone), policy=Always(0)),
        "always large": AutoMixLLM(models=list(alone), policy=Always(-1)),
    }
    engines = {
        name: RetrieverQueryEngine.from_args(searching, llm=llm, text_qa_template=PROMPT) for name, llm in llms.items()
    }
    times: dict[str, list[float]] = {name: [] for name in ENGINES}
    scores: dict[str, list[float]] = {name: [] for name in ENGINES}
    routes: dict[str, list[Route]] = {name: [] for name in ENGINES}
    for number, record in enumerate(asked, start=1):
        for name in ENGINES:
            start = time.perf_counter()
            with collect_routes() as made:
                answer = str(engines[name].query(record["question"]))
            times[name].append(time.perf_counter() - start)
            routes[name].extend(made)
            scores[name].append(f1(answer, record["answers"]))
        print(f"{number}/{len(asked)}", end="\r", file=sys.stderr, flush=True)
    found: dict[str, Any] = {"questions": len(asked), "passages": len(passages)}
    return found | {name: _row(times[name], scores[name], routes[name]) for name in ENGINES}


def _row(times: Sequence[float], scores: Sequence[float], routes: Sequence[Route]) -> dict[str, Any]:
    roles = ("draft", "verify", "answer")
    tokens = {
        role: [
            sum((route.usage[role] or {}).get(kind, 0) for route in routes)
            for kind in ("input_tokens", "output_tokens")
        ]
        for role in roles
    }
    readable = sum(route.verdicts["correct"] + route.verdicts["incorrect"] for route in routes)
    return {
        "queries_per_minute": round(60 * len(times) / sum(times), 2),
        "escalated": round(sum(route.action == "escalate" for route in routes) / len(routes), 3),
        "f1": round(sum(scores) / len(scores), 3),
        "tokens_in_out": tokens,
        "verdicts": {"readable": readable, "unreadable": sum(route.verdicts["unreadable"] for route in routes)},
        "estimated": any(route.usage_estimated for route in routes),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--questions", type=int, default=12)
    parser.add_argument("--passages", type=int, default=200)
    parser.add_argument("--weights", type=Path, default=None)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if not (given.data / "squad2.jsonl").is_file():
        print("Skipped: there is no squad2.jsonl in the data folder; give it with --data DIR.")
        return
    asked, passages = read(given.data, given.questions, given.passages)
    pair = TINY_PAIR if given.tiny else DEFAULT_PAIR
    with embedded(list(pair), folder=given.weights, progress=Quiet(), slots=[8, 2]) as engines:
        models = [openai_like(engine.endpoint, max_tokens=64) for engine in engines]
        anew = {"extra_body": {"cache_prompt": False}}
        alone = [openai_like(engine.endpoint, max_tokens=64, additional_kwargs=anew) for engine in engines]
        found = measure(models, alone, asked, passages)
    if given.json:
        print(json.dumps(found))
        return
    print(f"{found['questions']} questions over {found['passages']} passages; {pair[0]} and {pair[1]}")
    print("engine        queries/min  escalated     F1  draft in/out  verify in/out  answer in/out")
    for name in ENGINES:
        row = found[name]
        spent = "  ".join(f"{sum_in:>6}/{sum_out:<6}" for sum_in, sum_out in row["tokens_in_out"].values())
        print(f"{name:12}  {row['queries_per_minute']:11.2f}  {row['escalated']:9.0%}  {row['f1']:5.2f}  {spent}")


if __name__ == "__main__":
    main()

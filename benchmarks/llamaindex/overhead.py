"""What `AutoMixLLM` adds to a query, against the same steps written by hand over the same children.

    python -m benchmarks.llamaindex.overhead [--rounds N] [--processor] [--json]

Children answer at once, so only the machinery is timed. `chat` is the LLM alone with messages, `call` the same asked
as a query engine asks it, `query` the whole query engine. By hand is prompt, draft, k gathered checks, comparison and
the large model, in the same query engine. Calls take turns; times are lower deciles, since other work on the machine
only ever adds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from functools import partial
from typing import Any

from llama_index.core.prompts.chat_prompts import CHAT_TEXT_QA_PROMPT

from benchmarks.llamaindex.children import Child
from benchmarks.llamaindex.hand import PASSAGES, QUESTION, ByHand, index
from benchmarks.turns import Clock, atimed, clock_of, timed
from llamaindex_automix import AutoMixLLM, SelfVerifier

CONTEXT = "\n\n".join(PASSAGES)


def measure(rounds: int, clock: Clock) -> list[dict[str, Any]]:
    rows = []
    for k in (1, 8):
        small, large, documents = Child(text="A draft."), Child(text="An answer."), index()
        ours = AutoMixLLM(models=[small, large], verifier=SelfVerifier(k=k))
        hand = ByHand(small=small, large=large, k=k)
        engines = [documents.as_query_engine(llm=model) for model in (ours, hand)]
        for path, number in (("accept", 2), ("escalate", 1)):
            question = f"{QUESTION} ({number})"
            prompt = CHAT_TEXT_QA_PROMPT.partial_format(query_str=question)
            assert str(engines[0].query(question)) == str(engines[1].query(question))
            messages, about = prompt.format_messages(llm=small, context_str=CONTEXT), {"automix_context": CONTEXT}
            asked: dict[tuple[str, str], list[Any]] = {
                ("chat", "sync"): [
                    partial(ours.chat, messages, automix_question=question, **about),
                    partial(hand.steps, messages, question, CONTEXT),
                ],
                ("chat", "async"): [
                    partial(ours.achat, messages, automix_question=question, **about),
                    partial(hand.asteps, messages, question, CONTEXT),
                ],
                ("call", "sync"): [partial(model.predict, prompt, context_str=CONTEXT) for model in (ours, hand)],
                ("call", "async"): [partial(model.apredict, prompt, context_str=CONTEXT) for model in (ours, hand)],
                ("query", "sync"): [partial(engine.query, question) for engine in engines],
                ("query", "async"): [partial(engine.aquery, question) for engine in engines],
            }
            for (what, mode), calls in asked.items():
                found = timed(calls, rounds, clock) if mode == "sync" else asyncio.run(atimed(calls, rounds, clock))
                row: dict[str, Any] = {"k": k, "path": path, "what": what, "mode": mode}
                row |= {"ours_ms": round(found[0], 3), "by_hand_ms": round(found[1], 3)}
                rows.append(row | {"ratio": round(found[0] / found[1], 2)})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--processor", action="store_true", help="count the processor's time")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    rows = measure(asked.rounds, clock_of(asked.processor))
    if asked.json:
        print(json.dumps(rows))
        return
    print("k  path      what   mode   ours ms  by hand ms  ratio")
    for row in rows:
        print(
            f"{row['k']}  {row['path']:8}  {row['what']:5}  {row['mode']:5}  {row['ours_ms']:7.3f}  "
            f"{row['by_hand_ms']:10.3f}  {row['ratio']:5.2f}"
        )


if __name__ == "__main__":
    main()

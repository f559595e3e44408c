"""What AutoMix adds to one call, in CPU time, against the same steps by hand made just before or after it.

    python -m benchmarks.faults.overhead [--rounds N] [--json]

Children answer at once. CPU time of the process, so that waiting for the machine doesn't count; with the garbage
collector off, whose work falls on whoever is there. p50 and p99 are of the differences of the pairs; `noise_p99_ms` is
the p99 where both of a pair are the steps by hand.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
import warnings
from collections.abc import Callable
from functools import partial
from statistics import quantiles
from typing import Any

from llama_index.core.prompts.chat_prompts import CHAT_TEXT_QA_PROMPT

from benchmarks.llamaindex.children import Child
from benchmarks.llamaindex.hand import QUESTION
from benchmarks.llamaindex.hand import ByHand as LlamaIndexByHand
from benchmarks.overhead import CONCURRENCY, CONTEXT, MESSAGES, AtOnce
from benchmarks.overhead import ByHand as LangChainByHand
from langchain_automix import AutoMixChatModel
from langchain_automix import SelfVerifier as LangChainVerifier
from llamaindex_automix import AutoMixLLM
from llamaindex_automix import SelfVerifier as LlamaIndexVerifier

WARM = 50
K = 8


def langchain() -> tuple[Callable[[], Any], Callable[[], Any]]:
    """One call, and the same by hand."""
    small, large, verifier = AtOnce(text="A draft."), AtOnce(text="An answer."), LangChainVerifier(k=K)
    model = AutoMixChatModel(models=[small, large], verifier=verifier, verify_concurrency=CONCURRENCY)
    return partial(model.invoke, MESSAGES), partial(LangChainByHand(small, large, verifier).invoke, {})


def llamaindex() -> tuple[Callable[[], Any], Callable[[], Any]]:
    """One call, and the same by hand."""
    small, large = Child(text="A draft."), Child(text="An answer.")
    ours = AutoMixLLM(models=[small, large], verifier=LlamaIndexVerifier(k=K))
    hand = LlamaIndexByHand(small=small, large=large, k=K)
    prompt = CHAT_TEXT_QA_PROMPT.partial_format(query_str=f"{QUESTION} (1)")
    return partial(ours.predict, prompt, context_str=CONTEXT), partial(hand.predict, prompt, context_str=CONTEXT)


def measure(pair: tuple[Callable[[], Any], Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Milliseconds."""
    added, by_hand = [], []
    gc.collect()
    gc.disable()
    try:
        for turn in range(rounds + WARM):
            spent = [0.0, 0.0]
            for which in (0, 1) if turn % 2 else (1, 0):
                began = time.process_time()
                pair[which]()
                spent[which] = time.process_time() - began
            if turn >= WARM:
                added.append((spent[0] - spent[1]) * 1000)
                by_hand.append(spent[1] * 1000)
            if turn % 100 == 99:
                gc.collect()
    finally:
        gc.enable()
    cuts = quantiles(added, n=100)
    return {"p50_ms": round(cuts[49], 2), "p99_ms": round(cuts[98], 2), "by_hand_ms": round(quantiles(by_hand)[1], 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = {}
    for name, pair in (("langchain", langchain()), ("llamaindex", llamaindex())):
        rows[name] = measure(pair, given.rounds)
        rows[name]["noise_p99_ms"] = measure((pair[1], pair[1]), given.rounds)["p99_ms"]
    print(json.dumps(rows) if given.json else "\n".join(f"{name}: {row}" for name, row in rows.items()))


if __name__ == "__main__":
    main()

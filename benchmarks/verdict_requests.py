"""k = 8 verdicts on the embedded server: one request for eight, eight requests at once, eight one after another.

Beside them one greedy reply to the same prompt, which is what a single verdict would take.
Eight at once are also sent to a server of one slot, which queues them: it computes their prompt only once.

    python -m benchmarks.verdict_requests [--model 0.5b] [--weights DIR] [--rounds 5]
        [--only WAY,WAY] [--json]

The prompt is AutoMix's own checking prompt. Every measurement has a case of its own (passages of the handbook), so none
finds its prompt in the cache; the instructions and examples, which all checks share, are cached for all alike. The
order of the three ways rotates, and the ratios are of one round. Tokens are the server's own counts: prompt tokens that
it really computed, and tokens written by all eight choices together.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from automix_cli import weights
from automix_cli.demo.corpus import handbook, questions
from automix_cli.engine.engine import Engine
from automix_cli.progress import progress
from automix_core.checking.query import Query
from automix_core.checking.turns import turns

K = 8
COUNTERS = {"prompt_tokens_computed": "prompt_tokens_total", "tokens_written": "tokens_predicted_total"}


class Server:
    """An embedded engine, asked directly: no framework's own time is measured."""

    def __init__(self, engine: Engine) -> None:
        self._client = httpx.Client(
            base_url=engine.base_url,
            headers={"Authorization": f"Bearer {engine.api_key}"},
            trust_env=False,
            timeout=3600,
        )
        self._model = engine.model

    def check(self, messages: list[dict[str, str]], n: int = 1, temperature: float = 1.0) -> int:
        """Ask for n verdicts in one request; returns how many came."""
        body = {"model": self._model, "messages": messages, "n": n, "temperature": temperature, "max_tokens": 256}
        answer = self._client.post("/chat/completions", json=body)
        answer.raise_for_status()
        return len(answer.json()["choices"])

    def counters(self) -> dict[str, float]:
        """The server's counts so far."""
        metrics = self._client.get(str(self._client.base_url).removesuffix("v1/") + "metrics").text.splitlines()
        values = dict(line.split(" ", 1) for line in metrics if line and not line.startswith("#"))
        return {name: float(values[f"llamacpp:{counter}"]) for name, counter in COUNTERS.items()}


def one_request(server: Server, messages: list[dict[str, str]]) -> int:
    return server.check(messages, n=K)


def concurrent(server: Server, messages: list[dict[str, str]]) -> int:
    with ThreadPoolExecutor(K) as pool:
        return sum(pool.map(lambda _: server.check(messages), range(K)))


def serial(server: Server, messages: list[dict[str, str]]) -> int:
    return sum(server.check(messages) for _ in range(K))


def greedy(server: Server, messages: list[dict[str, str]]) -> int:
    return server.check(messages, temperature=0.0)


Way = Callable[[Server, list[dict[str, str]]], int]
WAYS: dict[str, tuple[int, Way]] = {
    "one request": (K, one_request),
    "eight concurrent": (K, concurrent),
    "eight serial": (K, serial),
    "eight concurrent, one slot": (1, concurrent),
    "one greedy reply": (K, greedy),
}
"""The server's slots, and what is sent to it."""


def prompt(number: int, passages: int = 3) -> list[dict[str, str]]:
    """A checking prompt as AutoMix sends it; another number, other passages."""
    texts, asked = [passage.content for passage in handbook()], questions()
    shown = [f"Extract {number}", *(texts[(number * passages + offset) % len(texts)] for offset in range(passages))]
    question = asked[number % len(asked)].question
    asked = turns(Query(question, tuple(shown)), "The handbook says so in the passage above.")
    return [{"role": role, "content": text} for role, text in asked]


def measure(servers: dict[int, Server], rounds: int, names: Sequence[str]) -> list[dict[str, Any]]:
    """`rounds` times each of the ways, in rotating order; `servers` by their slots."""
    for slots, server in servers.items():
        server.check(prompt(0), n=slots)  # every slot then holds the instructions and examples
    measured = []
    for number in range(rounds):
        for place in range(len(names)):
            name = names[(number + place) % len(names)]
            slots, way = WAYS[name]
            server, messages = servers[slots], prompt(1 + number * len(names) + place)
            before, began = server.counters(), time.perf_counter()
            verdicts = way(server, messages)
            seconds = time.perf_counter() - began
            spent = {counter: value - before[counter] for counter, value in server.counters().items()}
            measured.append({"round": number, "way": name, "seconds": seconds, "verdicts": verdicts} | spent)
            print(f"round {number + 1} of {rounds}, {name}: {seconds:.1f} s", file=sys.stderr, flush=True)
    return measured


def summary(measured: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the rounds, and the ratio to one request within each round."""
    ways = {}
    for name in dict.fromkeys(row["way"] for row in measured):
        own = [row for row in measured if row["way"] == name]
        first = [row for row in measured if row["way"] == "one request"]
        ratios = [row["seconds"] / base["seconds"] for row, base in zip(own, first, strict=True)]
        ways[name] = {
            "seconds": statistics.median(row["seconds"] for row in own),
            **{counter: statistics.median(row[counter] for row in own) for counter in COUNTERS},
            "milliseconds_per_token": statistics.median(1000 * row["seconds"] / row["tokens_written"] for row in own),
            "times_one_request": statistics.median(ratios),
            "lowest_ratio": min(ratios),
            "highest_ratio": max(ratios),
        }
    return ways


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="0.5b")
    parser.add_argument("--weights", metavar="DIR")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="these ways alone, with a comma between them; one request is always measured")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    model, shown = weights.model(options.model), progress()
    (file,) = weights.ensure([model], options.weights, shown)
    asked = ("one request", *options.only.split(",")) if options.only else tuple(WAYS)
    if unknown := set(asked) - set(WAYS):
        parser.error(f"--only takes {', '.join(WAYS)}; not {', '.join(sorted(unknown))}")
    began = time.perf_counter()
    with Engine.start(file, name=model.name, slots=K, progress=shown) as engine:
        loaded = time.perf_counter() - began
        with Engine.start(file, name=model.name, slots=1, progress=shown) as narrow:
            measured = measure({K: Server(engine), 1: Server(narrow)}, options.rounds, tuple(dict.fromkeys(asked)))
        result = {"model": engine.model, "engine": engine.version, "k": K, "load_seconds": loaded}
    ways = summary(measured)
    if options.json:
        json.dump(result | {"summary": ways, "rounds": measured}, sys.stdout, indent=2)
        print()
        return
    print(f"{result['model']}, xllamacpp {result['engine']}, {options.rounds} rounds, loaded in {loaded:.1f} s")
    print(f"{'':28}{'seconds':>9}{'prompt tokens':>15}{'written':>9}{'ms/token':>10}{'times one request':>26}")
    for name, row in ways.items():
        ratio = f"{row['times_one_request']:.2f} ({row['lowest_ratio']:.2f} to {row['highest_ratio']:.2f})"
        print(
            f"{name:28}{row['seconds']:9.2f}{row['prompt_tokens_computed']:15.0f}{row['tokens_written']:9.0f}"
            f"{row['milliseconds_per_token']:10.1f}{ratio:>26}"
        )


if __name__ == "__main__":
    main()

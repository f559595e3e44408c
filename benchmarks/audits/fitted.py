"""A policy from a chain's audited calls against one from what `automix collect` asks, judged on that chain.

    python -m benchmarks.audits.fitted collect QUESTIONS FOLDER [--small URL#MODEL] [--large URL#MODEL]
    python -m benchmarks.audits.fitted record FOLDER
    python -m benchmarks.audits.fitted show [--train N] [--splits N] [--json]

`collect` asks every question twice: of a chain with a prompt of its own, every call audited, and with `automix
collect`. The models are the embedded pair unless others are given; a token of the large one costs 50 times one of the
small one. `record` keeps the numbers beside this file, without texts. `show` fits on the same N questions of either
file, many times, and replays both policies on the audited outcomes of all other questions, the chain as it runs.
Answers are scored by the gold ones. Intervals hold 95 % of the splits.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.prompts import ChatPromptTemplate
from numpy.typing import NDArray

from automix_cli.engine.engine import embedded
from automix_core import Always, Policy, Price, Threshold, fit, read_outcomes, read_questions, score
from automix_core.endpoint.endpoint import Endpoint, parse_endpoint
from automix_core.evaluation.replay import replay
from automix_core.outcomes.columns import Columns
from langchain_automix import Audit, AutoMixChatModel, collect_routes, with_context
from langchain_automix.child.endpoint import chat_model

HERE = Path(__file__).parent
AUDITED, AGREED, COLLECTED = (HERE / f"fitted-{name}.jsonl" for name in ("audited", "agreed", "collected"))
SMALL, LARGE = 1.0, 50.0
"""USD per million tokens."""
LARGE_ALONE = "always the large model"
CHAIN = ChatPromptTemplate.from_messages(
    [
        ("system", "You help the readers of an encyclopedia. Give the fact that is asked for, as briefly as you can."),
        (
            "human",
            "Here is what we found:\n{context}\n\nA reader asks: {question}\nIf it isn't there, say: unanswerable.",
        ),
    ]
)


def collect(questions: Path, folder: Path, small: str | None, large: str | None) -> None:
    """Ask both ways; what is there already is not asked again."""
    folder.mkdir(exist_ok=True)
    with models(small, large) as pair:
        if not (folder / "asked.jsonl").exists():
            audit(questions, folder, pair, at_once=64 if small else 1)
        command = [
            sys.executable,
            "-m",
            "automix_cli",
            "collect",
            str(questions),
            "-o",
            str(folder / "collected.jsonl"),
        ]
        command += ["--scorer", "contains", "--concurrency", "64" if small else "1"]
        for name, endpoint, price in zip(("small", "large"), pair, (SMALL, LARGE), strict=True):
            command += ["--model", f"{name}={endpoint.base_url}#{endpoint.model}", "--price", f"{name}={price}/{price}"]
        subprocess.run(command, check=True)


@contextmanager
def models(small: str | None, large: str | None) -> Iterator[list[Endpoint]]:
    """Those that are given, else the embedded pair."""
    if small and large:
        yield [parse_endpoint(small, "small"), parse_endpoint(large, "large")]
        return
    with embedded(["0.5b", "1.5b"]) as engines:
        yield [engine.endpoint for engine in engines]


def audit(questions: Path, folder: Path, pair: Sequence[Endpoint], at_once: int) -> None:
    """Run the chain over the questions, every call audited, and join the gold answers."""
    path, known = folder / "audited.jsonl", read_questions(questions)
    path.unlink(missing_ok=True)
    watch = Audit(path, queue=len(known), workers=at_once)
    prices = [Price(SMALL, SMALL), Price(LARGE, LARGE)]
    llm = AutoMixChatModel(models=[chat_model(one) for one in pair], prices=prices, audit=watch)
    chain = with_context(CHAIN, question_key="question") | llm
    asked = [{"context": one.context, "question": one.question} for one in known]
    with collect_routes() as routes:
        answers = chain.batch(asked, {"max_concurrency": at_once})
    print(f"{len(routes)} calls; waiting for their audits")
    watch.flush()
    print(watch.counts)
    ids = {}
    for one, answer in zip(known, answers, strict=True):
        ids[answer.response_metadata["automix"]["id"]] = one.id
        score(path, answer.response_metadata["automix"]["id"], answers=one.answers or [], by="contains")
    (folder / "asked.jsonl").write_text(json.dumps(ids), "utf-8")


def record(folder: Path) -> None:
    """Keep the numbers: of the audited outcomes, scored by gold and by the large model's answer, and the collected."""
    ids = json.loads((folder / "asked.jsonl").read_text("utf-8"))
    agreed = folder / "agreed.jsonl"
    lines = (folder / "audited.jsonl").read_text("utf-8").splitlines()
    agreed.write_text("".join(f"{line}\n" for line in lines if "models" in json.loads(line)), "utf-8")
    for source, target in (
        (folder / "audited.jsonl", AUDITED),
        (agreed, AGREED),
        (folder / "collected.jsonl", COLLECTED),
    ):
        if not source.exists():
            continue
        rows = [numbers(one.model_dump(), ids) for one in read_outcomes(source)]
        target.write_text("".join(f"{json.dumps(row)}\n" for row in sorted(rows, key=lambda row: row["id"])), "utf-8")


def numbers(outcome: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    """An outcome without its texts, under the question's own id."""
    kept = ("name", "score", "cost", "problem", "verdicts", "verdict_cost", "signals")
    found = [{name: model[name] for name in kept if model.get(name) is not None} for model in outcome["models"]]
    for model in found:
        model["signals"] = {name: round(value, 6) for name, value in model.get("signals", {}).items()}
    return {"id": ids.get(outcome["id"], outcome["id"]), "reference": outcome.get("reference"), "models": found}


def show(train: int, splits: int) -> dict[str, Any]:
    """Every way of coming by a policy, judged on the chain's questions that it was not fitted on."""
    ways = {
        path: {one.id: one for one in read_outcomes(path)} for path in (AUDITED, AGREED, COLLECTED) if path.exists()
    }
    ids = sorted(set.intersection(*(set(found) for found in ways.values())))
    columns = {path: Columns.of([found[one] for one in ids]) for path, found in ways.items()}
    chain, random = columns[AUDITED], np.random.default_rng(0)
    spread = chain.scores.mean(axis=0), chain.costs.mean(axis=0)
    weight = float((spread[0][1] - spread[0][0]) / (spread[1][1] - spread[1][0]))
    rows: dict[str, list[NDArray[np.float64]]] = {}
    for _ in range(splits):
        order = random.permutation(len(ids))
        fitting, judging = order[:train], chain.rows(order[train:])
        made: dict[str, Policy] = {
            "fitted on audited calls, gold answers": fit(chain.rows(fitting)).policy,
            "fitted on audited calls, no gold answers": fit(columns[AGREED].rows(fitting)).policy,
            LARGE_ALONE: Always(1),
            "always the small model": Always(0),
            "default: Threshold(0.75)": Threshold(),
        }
        if COLLECTED in columns:
            made["fitted on what collect asked"] = fit(columns[COLLECTED].rows(fitting)).policy
        for name, policy in made.items():
            done = replay(policy, judging)
            reward = done.score - weight * done.cost
            rows.setdefault(name, []).append(np.array([done.score.mean(), done.cost.mean(), reward.mean()]))
    base = np.array(rows.get("fitted on what collect asked", rows[LARGE_ALONE]))
    figures = {name: told(np.array(found), np.array(found) - base) for name, found in rows.items()}
    return {"questions": len(ids), "train": train, "splits": splits, "models": list(chain.names), "policies": figures}


def told(found: NDArray[np.float64], less: NDArray[np.float64]) -> dict[str, Any]:
    """Means over the splits; `less` is the reward less that of collect's policy, or else of the large model."""
    performance, cost, reward = found.mean(axis=0)
    low, high = np.quantile(less[:, 2], [0.025, 0.975])
    mean = float(less[:, 2].mean())
    return {"score": performance, "cost": cost, "reward": reward, "less": [mean, float(low), float(high)]}


def table(found: dict[str, Any]) -> str:
    """For people: scores, USD per 1,000 questions, rewards in points."""
    lines = [
        f"{found['questions']} questions of {' and '.join(found['models'])}; fitted on {found['train']}, judged on the "
        f"rest, {found['splits']} splits",
        f"{'':44}{'right':>8}{'USD per 1,000':>16}{'reward':>9}{'reward less, in points':>28}",
    ]
    for name, one in found["policies"].items():
        mean, low, high = (100 * value for value in one["less"])
        span = f"{mean:+.2f} ({low:+.2f} to {high:+.2f})"
        lines.append(f"{name:44}{one['score']:8.1%}{1000 * one['cost']:16.3f}{one['reward']:9.3f}{span:>28}")
    return "\n".join(lines)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["collect", "record", "show"])
    parser.add_argument("paths", type=Path, nargs="*", help="QUESTIONS FOLDER, FOLDER or nothing")
    parser.add_argument("--small", metavar="URL#MODEL")
    parser.add_argument("--large", metavar="URL#MODEL")
    parser.add_argument("--train", type=int, default=125)
    parser.add_argument("--splits", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if len(given.paths) != {"collect": 2, "record": 1, "show": 0}[given.what]:
        parser.error("collect QUESTIONS FOLDER, record FOLDER, or show")
    if given.what == "collect":
        questions, folder = given.paths
        collect(questions, folder, given.small, given.large)
    elif given.what == "record":
        record(*given.paths)
    else:
        found = show(given.train, given.splits)
        print(json.dumps(found) if given.json else table(found))


if __name__ == "__main__":
    main()

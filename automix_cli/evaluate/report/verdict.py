"""The first thing a reader sees: what to do, what it costs, and the same in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from automix_cli.printing import amount

from .markup import Section, details, paragraph, table, text
from .places import Place
from .subject import THOUSAND, Subject

_SIGNS = {"use": ("yes", "Use it"), "don't": ("no", "Don't use it"), "not shown": ("open", "Not shown yet")}

_MEANS = {
    "performance": "mean score a question, from 0 to 1",
    "cost": "mean cost a question, checks included",
    "ibc": "score gained over the first model, per unit of extra cost",
    "delta_ibc": "that against going from the first model to the last, in %; above 0 beats mixing them at random",
    "gap_recovered": "the share of the last model's lead in score that was recovered",
    "route_share": "the share of questions that a later model than the first answered",
    "verdicts_per_query": "checks of drafts a question",
    "exhausted": "questions on which more checks would have been drawn than were recorded",
}


def verdict(subject: Subject, ours: Place, singles: Sequence[Place]) -> Section:
    """The bottom line, the money of 1,000 questions, and plain words; codes on request."""
    facts = subject.facts
    line = facts["bottom_line"]
    kind, word = _SIGNS[line["advice"]]
    said = f'<p class="word">{text(word)}</p><p class="line">{text(line["sentence"])}</p>'
    body = (
        f'<div class="verdict {kind}">{said}</div>',
        *(paragraph(warning, "note") for warning in facts["warnings"]),
        _tiles(subject),
        _bills(subject, ours, singles),
        paragraph(" ".join(_plainly(subject)), "plain"),
        details("Figures for experts", _codes(subject)),
    )
    return Section("verdict", "The answer", "".join(body))


def _tiles(subject: Subject) -> str:
    facts, large = subject.facts, subject.names[-1]
    last = list(facts["baselines"].values())[-1]
    saved = 1 - facts["cost"] / last["cost"] if last["cost"] > 0 else None
    change = "" if saved is None else f"{abs(saved):.0%} {'less' if saved >= 0 else 'more'} than "
    checks = f"{facts['verdicts_per_query']:.1f} checks a question"
    tiles = [
        (
            "1,000 questions cost",
            subject.money(facts["cost"]),
            f"{change}always {large} ({subject.money(last['cost'])})",
        ),
        ("mean score", f"{facts['performance']:.3f}", f"always {large}: {last['performance']:.3f}"),
        (f"answered by {subject.names[0]}", f"{1 - facts['route_share']:.0%}", checks),
    ]
    cells = "".join(
        f"<div><dt>{text(name)}</dt><dd><strong>{text(value)}</strong> <span>{text(beside)}</span></dd></div>"
        for name, value, beside in tiles
    )
    return f'<dl class="tiles">{cells}</dl>'


def _bills(subject: Subject, ours: Place, singles: Sequence[Place]) -> str:
    codes = list(subject.facts["baselines"])
    rows = []
    for m, place in enumerate([ours, *singles]):
        found = subject.facts["intervals"][f"performance less {codes[m - 1]}"] if m else None
        gap = "" if found is None else f"{found['mean']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f})"
        low, mean, high = (amount(THOUSAND * cost) for cost in (place.cost.low, place.cost.mean, place.cost.high))
        score = place.score
        rows.append(
            [place.name, f"{mean} ({low} to {high})", f"{score.mean:.3f} ({score.low:.3f} to {score.high:.3f})", gap]
        )
    head = ["who answers", f"1,000 questions cost, {subject.unit}", "mean score", "the policy's score less it"]
    return table(head, rows, "Cost and quality, each with its 95 % interval")


def _plainly(subject: Subject) -> list[str]:
    facts, done, names = subject.facts, subject.done, subject.names
    n, first = facts["n"], subject.names[0]
    checks, kept = facts["verdicts_per_query"], round((1 - facts["route_share"]) * facts["n"])
    said = [
        f"Of the {n:,} questions {first} answered {kept:,}; the others went on to {' or '.join(names[1:])}.",
        f"Before that {checks:.1f} checks of drafts were drawn a question." if checks else "No draft was checked.",
    ]
    if (done.model == 0).any() and (done.model > 0).any():
        said.append(
            f"The answers that {first} was allowed to give score {float(done.score[done.model == 0].mean()):.3f}; "
            f"over all questions it scores {float(subject.columns.scores[:, 0].mean()):.3f}."
        )
    if (some := len(subject.columns)) < n:
        said.append(
            f"The sentence and the figures above are of all {n:,} questions; tables, pictures and examples are of "
            f"{some:,} of them, drawn by lot."
        )
    said.append(
        "Scores run from 0 (wrong) to 1 (right). An interval says between which values the figure would lie in 95 of "
        "100 samples of as many questions like these."
    )
    if facts["in_sample"]:
        said.append("The policy was fitted on these very questions: expect less of it on new ones.")
    if facts["second_worth"]:
        said.append(f"Each second of waiting counts {facts['second_worth']:g} in the costs.")
    if facts["currency"] is None:
        said.append("Costs are in the unit of the outcomes; with --price they are in USD.")
    return said


def _codes(subject: Subject) -> str:
    facts, rows = subject.facts, []
    for name, means in _MEANS.items():
        value, found = facts[name], facts["intervals"].get(name)
        between = "" if found is None else f"{found['low']:.4g} to {found['high']:.4g}"
        rows.append([name, "undefined" if value is None else f"{value:.4g}", between, means])
    shown = table(["figure", "value", "95 % interval", "means"], rows, "The figures of automix evaluate --json")
    spans = [
        [
            f"{subject.money(span['low'])} to {subject.money(span['high'])}",
            "undefined" if span["delta_ibc"] is None else f"{span['delta_ibc']:.1f}",
        ]
        for span in facts["regions"]
    ]
    if spans:
        shown += table(["1,000 questions cost", "delta_ibc, %"], spans, "The policy's family by five spans of cost")
    return paragraph(f"Policy: {subject.file.policy!r}") + shown

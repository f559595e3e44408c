"""The twenty decisions to be regretted most, each with what was asked, answered, and said by the checks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from automix_core.evaluation.regret import Regrets
from automix_core.outcomes.outcome import ModelOutcome, Outcome

from .markup import Section, details, paragraph, text
from .questions import marks, route
from .subject import Subject

MOST = 20
_LONGEST = 6000
_TITLE = "The most regrettable decisions"


def regret(subject: Subject, found: Regrets, texts: Mapping[int, Outcome]) -> Section:
    """Where one model alone would have done better, the worst first."""
    worst = found.worst(MOST)
    if not worst:
        return Section("regret", _TITLE, paragraph("No question where one model alone would have done better."))
    weight = "Cost counts nothing here: the last model has no lead that could be paid for."
    if found.cost_weight > 0:
        point = subject.money(0.1 / found.cost_weight)
        weight = (
            f"Score and cost are weighed as the models' prices do: 0.1 of score on 1,000 questions is worth {point}."
        )
    intro = paragraph(f"{_counted(subject)} These {len(worst)} missed most, seen afterwards. {weight}")
    items = "".join(_item(subject, found, row, texts[row]) for row in worst)
    return Section("regret", _TITLE, f'{intro}<ol class="regrets">{items}</ol>')


def _counted(subject: Subject) -> str:
    """How many drafts were kept wrongly, and how many rejected for nothing."""
    scores, done = subject.columns.scores, subject.done
    later = np.arange(subject.columns.models) > done.model[:, None]
    kept = int((np.where(later, scores, -1.0).max(axis=1) > done.score).sum())
    dropped = done.drafted & ~later & (np.arange(subject.columns.models) != done.model[:, None])
    vain = int((np.where(dropped, scores, -1.0).max(axis=1) >= done.score).sum())
    n = len(subject.columns)
    return (
        f"On {kept:,} of {n:,} questions an answer was given although a later model's would have scored more; on "
        f"{vain:,} a draft was thrown away that was as good as what was paid for instead."
    )


def _item(subject: Subject, found: Regrets, row: int, record: Outcome) -> str:
    scores, done, names = subject.columns.scores, subject.done, subject.names
    served, best = int(done.model[row]), int(found.best[row])
    if served == best:
        better = "at once would have scored the same for less"
    elif scores[row, best] > done.score[row]:
        better = f"alone would have scored {scores[row, best]:.2f}"
    else:
        better = "alone would have been worth more for its price"
    way = route(subject, row)
    said = f"{way[0].upper()}{way[1:]}: score {done.score[row]:.2f}; {names[best]} {better}."
    answers = "".join(_answer(names[m], model, m == served) for m, model in enumerate(record.models))
    more = f'<dl class="answers">{answers}</dl>'
    if record.answers:
        more += f"<p><b>Right would be:</b> {_prose(', or '.join(record.answers))}</p>"
    context = record.context if isinstance(record.context, str) else "\n\n".join(record.context or ())
    if context:
        more += f'<p><b>From:</b></p><p class="context" tabindex="0" dir="auto">{_prose(context)}</p>'
    asked = record.question or f"question {record.id}"
    shown = details("The answers", more)
    return f'<li><h3 dir="auto">{_prose(asked, 400)}</h3><p>{text(said)}</p>{shown}</li>'


def _answer(name: str, model: ModelOutcome, served: bool) -> str:
    words = "its text was not recorded" if model.answer is None else model.answer or "an empty answer"
    facts = [f"score {model.score:.2f}"]
    if said := marks(model):
        facts.append(f"checks: {said.count('1')} correct, {said.count('0')} incorrect, {said.count('?')} unreadable")
    if model.probability is not None:
        facts.append(f"confidence {model.probability:.2f}")
    kind, mark = (' class="served"', " (served)") if served else ("", "")
    given = f'<dd dir="auto">{_prose(words)}</dd><dd class="quiet">{text("; ".join(facts))}</dd>'
    return f"<div{kind}><dt>{text(name)}{mark}</dt>{given}</div>"


def _prose(words: str, most: int = _LONGEST) -> str:
    return text(words if len(words) <= most else f"{words[: most - 1]}…")

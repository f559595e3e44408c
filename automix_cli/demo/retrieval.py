"""The passages nearest to a question, by BM25: no index on disk, no model, no network."""

from __future__ import annotations

import re
from collections.abc import Sequence

import bm25s
import numpy as np

from automix_core.errors import DataError

from .corpus import Passage

_ASKING = frozenset(
    {"what", "which", "who", "whom", "whose", "when", "where", "why", "how", "does", "did", "many", "much"}
)
"""A question's own words support no answer."""


class Retriever:
    """BM25 over titled passages.

    Equal scores keep the order of the passages, so that the same question always finds the same ones. Words are
    compared as they are written, without stemming, which would need one more dependency.

    Raises `DataError` when there is no passage with a word in it.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages = tuple(passages)
        words = _words([passage.content for passage in self.passages])
        if not any(words):
            raise DataError("There is nothing to search: the documents contain no words.")
        # bm25s would take numba by itself where that is installed, and compile for seconds.
        self._index = bm25s.BM25(backend="numpy")
        self._index.index(words, show_progress=False)

    def search(self, query: str, k: int = 3) -> list[Passage]:
        """At most `k` passages, the best first; passages that share no word with `query` are never found."""
        (words,) = _words([query])
        known = [word for word in words if word in self._index.vocab_dict]
        if not known:
            return []
        scores = self._index.get_scores(known)
        best = np.argsort(-scores, kind="stable")[:k]
        return [self.passages[place] for place in best if scores[place] > 0]


def excerpt(passage: Passage, query: str) -> str:
    """The sentence of a passage that shares most words with `query`, the earliest of equals."""
    sentences = re.split(r"(?<=[.!?])\s+", passage.text)
    wanted, *found = (set(words) for words in _words([query, *sentences]))
    return sentences[max(range(len(sentences)), key=lambda place: (len(wanted & found[place]), -place))]


def shared(text: str, other: str) -> list[tuple[int, int]]:
    """Where in `text` the words stand that `other` has too, start and end of each; not those that only ask."""
    (words,) = _words([other])
    wanted = set(words) - _ASKING
    return [found.span() for found in re.finditer(r"\b\w\w+\b", text) if found[0].lower() in wanted]


def _words(texts: list[str]) -> list[list[str]]:
    words: list[list[str]] = bm25s.tokenize(texts, stopwords="en", return_ids=False, show_progress=False)
    return words

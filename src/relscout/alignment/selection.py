"""Which aligned instances are kept: one for each sentence, pair and relation, of relations with enough sentences."""

from __future__ import annotations

from array import array
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from relscout.alignment.account import Account
from relscout.alignment.linking import Linked
from relscout.instances import RelationInstance

_LARGEST_OFFSET = 2**20 - 1


class Selection:
    """Takes note of aligned instances, 36 bytes each, and chooses among them when all are known.

    Of the instances of one sentence, pair (whichever is the head) and relation, the one that is kept is not exchanged,
    if there is such a one; then, its mentions are nearest; then, its head stands first; then, a hash decides. So the
    choice does not depend on the order of the input.
    """

    def __init__(self) -> None:
        self._groups, self._sentences = array("q"), array("q")
        self._ranks, self._hashes = array("q"), array("q")
        self._relations = array("I")
        self._exchanged = bytearray()

    def add(self, instance: RelationInstance, linked: Linked, relation: int, *, exchanged: bool) -> None:
        """Take note of an instance that expresses a relation, by number, between two entities."""
        low, high = sorted((linked.head, linked.tail))
        sentence = _hash(instance.text)
        self._sentences.append(sentence)
        self._groups.append(_hash(f"{sentence},{low},{high},{relation}"))
        self._ranks.append(_rank(instance, exchanged=exchanged))
        self._hashes.append(_hash(f"{instance.id}\n{instance.source}\n{instance.head}\n{instance.tail}"))
        self._relations.append(relation)
        self._exchanged.append(exchanged)

    def kept(self, relations: tuple[str, ...], *, min_sentences: int, account: Account) -> NDArray[np.bool_]:
        """Return which instances are kept (N,), in the order in which they were added, and complete the account.

        Args:
            relations: Names of the relations, by number.
            min_sentences: Least number of different sentences of a relation.
            account: Told what was left out, and the kept relations.
        """
        kinds = np.asarray(self._relations, np.uint32)
        kept = self._chosen()
        account.aligned, account.repeated = len(kept), int((~kept).sum())
        sentences = self._sentences_of(kept, len(relations))
        frequent = sentences >= min_sentences
        is_rare = kept & ~frequent[kinds]
        account.rare, account.rare_relations = int(is_rare.sum()), int((~frequent & (sentences > 0)).sum())
        kept &= ~is_rare
        account.exchanged = int(np.frombuffer(self._exchanged, np.uint8)[kept].sum()) if len(kept) else 0
        counts = np.bincount(kinds[kept], minlength=len(relations))
        order = sorted(np.flatnonzero(counts).tolist(), key=lambda one: (-counts[one], relations[one]))
        account.kept = {relations[one]: int(counts[one]) for one in order}
        return kept

    def _chosen(self) -> NDArray[np.bool_]:
        """Return which instance of each group comes first."""
        groups = np.asarray(self._groups, np.int64)
        order = np.lexsort((np.asarray(self._hashes, np.int64), np.asarray(self._ranks, np.int64), groups))
        chosen = np.zeros(len(groups), dtype=bool)
        chosen[order[_first_of_each(groups[order])]] = True
        return chosen

    def _sentences_of(self, kept: NDArray[np.bool_], n_relations: int) -> NDArray[np.int64]:
        """Return the number of different sentences of each relation (R,)."""
        kinds = np.asarray(self._relations, np.uint32)[kept]
        sentences = np.asarray(self._sentences, np.int64)[kept]
        order = np.lexsort((sentences, kinds))
        kinds, sentences = kinds[order], sentences[order]
        new = _first_of_each(kinds) | _first_of_each(sentences)
        return np.bincount(kinds[new], minlength=n_relations)


def _first_of_each(ordered: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Return where in an array (N,) a value differs from the one before it (N,)."""
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return first


def _rank(instance: RelationInstance, *, exchanged: bool) -> int:
    head, tail = instance.head, instance.tail
    gap = max(head.start, tail.start) - min(head.end, tail.end)
    rank = int(exchanged)
    for part in (max(gap, 0), head.start, tail.start):
        rank = rank << 20 | min(part, _LARGEST_OFFSET)
    return rank


def _hash(text: str) -> int:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)

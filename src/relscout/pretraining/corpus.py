"""A corpus to pre-train on, as compact arrays on disk, without the sentences of test sets."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from relscout.core.errors import InputError, OutputError
from relscout.core.instances import Mention, RelationInstance, normalized
from relscout.core.progress import Progress, silent
from relscout.encoders.inputs import Fitted, Vocabulary
from relscout.encoders.marking import Sentence


def entity_code(mention: Mention, text: str) -> int:
    """Return a 64-bit hash of an entity's identifier, or of its name if it has none.

    Names that are equal after :func:`relscout.core.instances.normalized` have the same hash.
    """
    return _code(f"id {mention.entity_id}" if mention.entity_id else _named(mention, text))


def pair_codes(instance: RelationInstance) -> tuple[int, int]:
    """Return :func:`entity_code` of head and tail."""
    return entity_code(instance.head, instance.text), entity_code(instance.tail, instance.text)


class Excluded:
    """Entity pairs to leave out of training, in either direction.

    Args:
        instances: Test instances. Their pairs are recognised by their identifiers or their names.
    """

    def __init__(self, instances: Iterable[RelationInstance]) -> None:
        self._pairs = {pair for instance in instances for pair in _both(instance)}

    def __contains__(self, instance: object) -> bool:
        return isinstance(instance, RelationInstance) and not self._pairs.isdisjoint(_both(instance))


def _both(instance: RelationInstance) -> set[tuple[int, int]]:
    """Return the codes of the pair's names and, if both entities have one, of its identifiers; the smaller first."""
    head, tail, text = instance.head, instance.tail, instance.text
    pairs = [(_code(_named(head, text)), _code(_named(tail, text)))]
    if head.entity_id and tail.entity_id:
        pairs.append(pair_codes(instance))
    return {(min(pair), max(pair)) for pair in pairs}


def _named(mention: Mention, text: str) -> str:
    return f"name {normalized(mention.surface(text))}"


def _code(name: str) -> int:
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


#: Number of sentences that are tokenised at once.
_SHARD = 4096
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Corpus:
    """N sentences without repetitions, in an order that does not depend on their input.

    Args:
        vocabulary: The vocabulary that tokenised them.
        tokens: Token ids of all sentences, concatenated; a memory map.
        ends: End of each sentence in ``tokens`` (N,), int64.
        lengths: Number of tokens of each sentence (N,), int32.
        spans: Tokens of head and tail (N, 2, 2), uint16.
        looks: Place of each sentence's :class:`relscout.encoders.inputs.Look` (N,), int32.
        relation: Place of each sentence's relation in ``relations`` (N,), int32; -1 if it is unknown or not read.
        entities: Head and tail (N, 2), int32, numbered from 0.
        content: Number of text and spans (N,), int32: equal sentences have the same one, whatever their types.
        relations: Names of the relations, sorted.
        left_out: Reason → number of instances that were left out.
        lost: What was truncated → number of sentences.
        digest: Hash of all sentences.
    """

    vocabulary: Vocabulary
    tokens: NDArray[Any]
    ends: Ints
    lengths: NDArray[np.int32]
    spans: NDArray[np.uint16]
    looks: NDArray[np.int32]
    relation: NDArray[np.int32]
    entities: NDArray[np.int32]
    content: NDArray[np.int32]
    relations: tuple[str, ...]
    left_out: Mapping[str, int]
    lost: Counter[str]
    digest: str

    def __len__(self) -> int:
        return len(self.ends)

    def fitted(self, row: int) -> Fitted:
        """Return a tokenised sentence."""
        end = int(self.ends[row])
        ids = self.tokens[end - int(self.lengths[row]) : end].tolist()
        (head, tail) = self.spans[row].tolist()
        return Fitted(Sentence(ids, tuple(head), tuple(tail)), int(self.looks[row]), "")

    @cached_property
    def pairs(self) -> Ints:
        """Number of each sentence's entity pair, head first (N,), int64."""
        head, tail = self.entities.astype(np.int64).T
        pairs: Ints = head * (int(self.entities.max(initial=0)) + 1) + tail
        return pairs


def read_corpus(
    instances: Iterable[RelationInstance],
    vocabulary: Vocabulary,
    *,
    with_relation: bool,
    excluded: Excluded | None = None,
    progress: Progress = silent,
) -> Corpus:
    """Tokenise a stream of instances into arrays.

    Args:
        instances: The instances; read once, and not kept in memory.
        vocabulary: Vocabulary that tokenises them.
        with_relation: Whether to read relations, and leave out instances without one or with one that means "no
            relation". Otherwise, sentences that differ in their relation only are repetitions.
        excluded: Instances to leave out.
        progress: Called with the instances read, stage ``"read"``.

    Raises:
        InputError: No instance is left.
        OutputError: The disk has no space for the tokens.
    """
    left_out: Counter[str] = Counter()
    relations: dict[str, int] = {}
    lost: Counter[str] = Counter()
    shards: list[_Shard] = []
    done = 0

    def kept() -> Iterator[RelationInstance]:
        for instance in instances:
            if with_relation and (instance.relation is None or instance.is_unrelated):
                left_out["without a relation"] += 1
            elif excluded is not None and instance in excluded:
                left_out["entity pair excluded"] += 1
            else:
                yield instance

    kind = np.uint16 if vocabulary.n_tokens <= 1 << 16 else np.int32
    remaining = kept()
    with tempfile.TemporaryFile() as file:
        while shard := list(islice(remaining, _SHARD)):
            fitted = vocabulary.fitted(shard)
            lost.update(sentence.lost for sentence in fitted if sentence.lost)
            shards.append(_shard(shard, fitted, relations if with_relation else None))
            _append(file, fitted, kind)
            done += len(shard)
            progress("read", done, None)
        tokens = _mapped(file, kind) if done else None
    if tokens is None:
        raise InputError(
            f"there is nothing to pre-train on: {_counts(left_out) or 'no instances were given'}"
        )
    whole = _Shard(*(np.concatenate([getattr(part, name) for part in shards]) for name in _Shard.__slots__))
    del shards
    order, n_repeated = _canonical(whole.keys)
    left_out["repeated"] += n_repeated
    names = sorted(relations)
    renamed = np.array([*np.argsort(np.argsort(list(relations))), -1], dtype=np.int32)
    _, entities = np.unique(whole.entities, return_inverse=True)
    _, content = np.unique(whole.contents, return_inverse=True)
    digest = blake2b(np.ascontiguousarray(whole.keys[order]).tobytes(), digest_size=12).hexdigest()
    return Corpus(
        vocabulary,
        tokens,
        np.cumsum(whole.lengths, dtype=np.int64)[order],
        whole.lengths[order],
        whole.spans[order],
        whole.looks[order],
        renamed[whole.relation[order]],
        entities.reshape(-1, 2)[order].astype(np.int32),
        content[order].astype(np.int32),
        tuple(names),
        {reason: count for reason, count in left_out.items() if count},
        lost,
        digest,
    )


@dataclass(frozen=True, slots=True)
class _Shard:
    keys: NDArray[np.uint64]
    lengths: NDArray[np.int32]
    spans: NDArray[np.uint16]
    looks: NDArray[np.int32]
    relation: NDArray[np.int32]
    entities: NDArray[np.uint64]
    contents: NDArray[np.uint64]


def _shard(
    instances: Sequence[RelationInstance], fitted: Sequence[Fitted], relations: dict[str, int] | None
) -> _Shard:
    contents = [_hash((_offsets(instance), instance.text)) for instance in instances]
    entities = [pair_codes(instance) for instance in instances]
    labels = [None if relations is None else instance.relation for instance in instances]
    keys = b"".join(
        _hash((content, pair, relation)) + _types(instance)
        for content, pair, relation, instance in zip(contents, entities, labels, instances, strict=True)
    )
    return _Shard(
        # big-endian: the first byte is the most significant, so that :func:`_types` orders repetitions
        np.frombuffer(keys, dtype=">u8").reshape(-1, 3),
        np.array([len(sentence.window.ids) for sentence in fitted], dtype=np.int32),
        np.array([(sentence.window.head, sentence.window.tail) for sentence in fitted], dtype=np.uint16),
        np.array([sentence.look for sentence in fitted], dtype=np.int32),
        np.array(
            [
                -1
                if relation is None or relations is None
                else relations.setdefault(relation, len(relations))
                for relation in labels
            ],
            dtype=np.int32,
        ),
        np.array(entities, dtype=np.uint64),
        np.frombuffer(b"".join(content[:8] for content in contents), dtype=np.uint64),
    )


def _offsets(instance: RelationInstance) -> tuple[int, int, int, int]:
    return instance.head.start, instance.head.end, instance.tail.start, instance.tail.end


def _hash(value: object) -> bytes:
    return blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _types(instance: RelationInstance) -> bytes:
    """Return 8 bytes that order repetitions of a sentence: first those with both types, then by hash."""
    return bytes([instance.type_pair.count(None)]) + _hash(instance.type_pair)[:7]


def _canonical(keys: NDArray[np.uint64]) -> tuple[Ints, int]:
    """Return the places of distinct keys, sorted by key, and the number of repetitions.

    Args:
        keys: Keys (N, 3): two numbers that identify an instance, and one that orders its repetitions.
    """
    order = np.lexsort((keys[:, 2], keys[:, 1], keys[:, 0]))
    ordered = keys[order, :2]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return order[first], int((~first).sum())


def _append(file: IO[bytes], fitted: Sequence[Fitted], kind: type[Any]) -> None:
    ids = np.fromiter((token for sentence in fitted for token in sentence.window.ids), dtype=kind)
    try:
        file.write(ids.tobytes())
    except OSError as error:
        raise _no_room(error) from error


def _mapped(file: IO[bytes], kind: type[Any]) -> NDArray[Any]:
    try:
        file.flush()
    except OSError as error:
        raise _no_room(error) from error
    return np.memmap(file, dtype=kind, mode="r")


def _no_room(error: OSError) -> OutputError:
    return OutputError(
        f"cannot store the tokens of the corpus in {tempfile.gettempdir()}: {error.strerror or error}; set TMPDIR to a "
        "folder with more space"
    )


def _counts(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())

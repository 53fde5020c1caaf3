"""What was learnt from, or chosen by, so that it is not taken for novel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from relscout.errors import InputError, UnknownNameError
from relscout.instances import RelationInstance
from relscout.training.labels import content

#: What becomes of instances whose relations were learnt.
Known = Literal["raise", "drop", "keep"]
_CHOICES = ("raise", "drop", "keep")
_NAMED = 3
#: What labelled instances, and those of ``dev``, were used for.
LEARNT, CHOSEN_BY = "learnt in training", "used to choose the weights (dev)"


@dataclass(frozen=True)
class Seen:
    """Relations and sentences that were learnt from, or that the weights were chosen by.

    Args:
        relations: Their names.
        keys: Hashes of the sentences with their mentions, 16 bytes each.
        how: What they were used for, a participle for messages; a value of this module.
    """

    relations: frozenset[str] = frozenset()
    keys: frozenset[bytes] = frozenset()
    how: str = LEARNT

    @classmethod
    def of(cls, instances: Iterable[RelationInstance], *, how: str = LEARNT) -> Self:
        """Return what is seen in labelled instances."""
        kept = list(instances)
        return cls(frozenset(str(one.relation) for one in kept), frozenset(map(_key, kept)), how)

    def apart(
        self, instances: Sequence[RelationInstance], known: Known, *, where: str
    ) -> tuple[list[RelationInstance], list[str]]:
        """Return instances of which nothing was seen, and what was left out, in words.

        Args:
            instances: With gold relations.
            known: Of relations that were seen, ``raise`` an error, ``drop`` their instances, or ``keep`` all.
                Sentences that were seen under another relation are left out unless all are kept.
            where: What the instances are, for messages.

        Raises:
            InputError: Relations were seen, and that is to be raised.
            UnknownNameError: There is no such choice.
        """
        if known not in _CHOICES:
            raise UnknownNameError("choice for known relations", known, _CHOICES)
        if known == "keep":
            return list(instances), []
        both = sorted(self.relations & {str(one.relation) for one in instances})
        named = ", ".join(map(repr, both[:_NAMED])) + (", …" if len(both) > _NAMED else "")
        many, are = ("relation was", "is") if len(both) == 1 else ("relations were", "are")
        told = f"{len(both)} {many} {self.how} and {are} in {where}, too: {named}"
        if both and known == "raise":
            raise InputError(
                f"{told}; give instances of other relations, leave these out with --known drop (known='drop' in "
                "Python), or allow it with --known keep"
            )
        novel = [one for one in instances if one.relation not in self.relations]
        kept = [one for one in novel if _key(one) not in self.keys]
        warnings = []
        if both:
            warnings.append(f"{len(instances) - len(novel)} instances were left out: {told}")
        if len(kept) < len(novel):
            warnings.append(
                f"{len(novel) - len(kept)} instances in {where} were left out: their sentences were {self.how}"
            )
        return kept, warnings

    def array(self) -> NDArray[np.uint8]:
        """Return the hashes (N, 16), uint8, to be saved."""
        return np.frombuffer(b"".join(sorted(self.keys)), dtype=np.uint8).reshape(-1, 16)

    @classmethod
    def restored(cls, array: NDArray[np.uint8], relations: Iterable[str], *, how: str = LEARNT) -> Self:
        """Return what :meth:`array` was made of."""
        return cls(frozenset(map(str, relations)), frozenset(row.tobytes() for row in array), how)


def _key(instance: RelationInstance) -> bytes:
    return blake2b(repr(content(instance)).encode("utf-8", "surrogatepass"), digest_size=16).digest()

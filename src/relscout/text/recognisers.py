"""Entities by models that read one sentence at a time: token classifiers of Hugging Face, and GLiNER."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from typing import Any, Protocol

from relscout.core.errors import MissingExtraError, SettingError
from relscout.core.instances import Mention
from relscout.text import Annotator, MarkedSentence, Passage, SentenceRules

_TAG = re.compile(r"([BIESLU])[-_](.+)")
_OUTSIDE = frozenset({"O", "OTHER", "NONE"})
_BATCH = 32
#: Tokens that two windows of a long sentence share.
_STRIDE = 32


class Recogniser(Protocol):
    """Finds entities in sentences."""

    @property
    def fingerprint(self) -> str:
        """Identifies what decides the entities."""
        ...

    def find(self, sentences: Sequence[str]) -> list[list[Mention]]:
        """Return the entities of each sentence."""
        ...


class Recognised:
    """An annotator whose entities a recogniser finds, in the sentences of another annotator.

    Of entities that overlap, the longest is kept; of those of one length, the first.

    Args:
        recogniser: Finds the entities.
        sentences: Splits passages into sentences, and perhaps parses them; its own entities are left out.
        batch_size: Sentences that the recogniser gets at a time, >= 1.
    """

    def __init__(
        self, recogniser: Recogniser, *, sentences: Annotator | None = None, batch_size: int = _BATCH
    ) -> None:
        self.recogniser = recogniser
        self.sentences: Annotator = sentences or SentenceRules()
        self.batch_size = batch_size

    @property
    def fingerprint(self) -> str:
        """Identifies the recogniser and what splits sentences."""
        return f"{self.recogniser.fingerprint}@{self.sentences.fingerprint}"

    def annotate(self, texts: Iterable[Passage]) -> Iterator[MarkedSentence]:
        """Yield the sentences of passages in order, with the entities in them."""
        stream = iter(self.sentences.annotate(texts))
        while batch := list(islice(stream, self.batch_size)):
            found = self.recogniser.find([sentence.text for sentence in batch])
            for sentence, mentions in zip(batch, found, strict=True):
                yield replace(sentence, mentions=_apart(mentions))


def _apart(mentions: Iterable[Mention]) -> list[Mention]:
    kept: list[Mention] = []
    for mention in sorted(mentions, key=lambda one: (one.start - one.end, one.start)):
        if all(mention.end <= other.start or other.end <= mention.start for other in kept):
            kept.append(mention)
    return sorted(kept, key=lambda one: one.start)


class TokenClassifier:
    """A token classifier of Hugging Face, such as ``dslim/bert-base-NER``.

    The label of a word is that of its first token. Labels may follow the schemes IO, IOB, IOBES or BILOU.

    Args:
        model: The classifier, in evaluation mode; its configuration names the labels.
        tokenizer: Its fast tokenizer.

    Raises:
        SettingError: The tokenizer is not a fast one, or the labels have no names.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise SettingError(
                "the token classifier has no fast tokenizer, which says where tokens are in the text"
            )
        labels: dict[int, str] = {int(number): str(label) for number, label in model.config.id2label.items()}
        if all(re.fullmatch(r"LABEL_\d+", label) for label in labels.values()):
            raise SettingError(
                f"the model names no entity types, only {', '.join(sorted(labels.values())[:3])}; expected a token "
                "classifier that was trained to recognise entities"
            )
        self.model = model
        self.tokenizer = tokenizer
        self.labels = labels

    @classmethod
    def load(cls, name: str, *, device: str = "cpu") -> TokenClassifier:
        """Load a token classifier.

        Args:
            name: Name of a model on the Hugging Face Hub, or path of a folder.
            device: Where it runs, such as ``"cpu"`` or ``"cuda"``.

        Raises:
            SettingError: There is no such model, or it is no token classifier.
        """
        from transformers import AutoModelForTokenClassification, AutoTokenizer

        try:
            tokenizer: Any = AutoTokenizer.from_pretrained(name, use_fast=True)
            model: Any = AutoModelForTokenClassification.from_pretrained(name)
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).strip().split("\n")[0]
            raise SettingError(f"the token classifier {name!r} does not load: {reason}") from error
        return cls(model.to(device).eval(), tokenizer)

    @cached_property
    def fingerprint(self) -> str:
        """Identifies weights, labels and vocabulary."""
        digest = blake2b(repr(sorted(self.labels.items())).encode(), digest_size=16)
        digest.update(self.tokenizer.backend_tokenizer.to_str().encode("utf-8", "surrogatepass"))
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(_bytes()).numpy())
        return f"token-classifier-{digest.hexdigest()}"

    def find(self, sentences: Sequence[str]) -> list[list[Mention]]:
        """Return the entities of each sentence; long ones are read in overlapping windows."""
        import torch

        encoded = self.tokenizer(
            list(sentences),
            truncation=True,
            max_length=self._longest(),
            stride=min(_STRIDE, self._longest() // 4),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            padding=True,
            return_tensors="pt",
        )
        windows = encoded.pop("overflow_to_sample_mapping").tolist()
        offsets = encoded.pop("offset_mapping").tolist()
        with torch.inference_mode():
            logits = self.model(**encoded.to(self.model.device)).logits  # (windows, tokens, labels)
        best = logits.argmax(dim=-1).tolist()
        words: list[list[tuple[int, int, str]]] = [[] for _ in sentences]
        for window, sentence in enumerate(windows):
            read_to = words[sentence][-1][1] if words[sentence] else 0
            last_word = None
            for token, word in enumerate(encoded.word_ids(window)):
                start, end = offsets[window][token]
                if word is None or start == end or start < read_to:
                    continue
                if word == last_word:
                    first, _, label = words[sentence][-1]
                    words[sentence][-1] = first, end, label
                else:
                    words[sentence].append((start, end, self.labels[best[window][token]]))
                last_word = word
        return [entities(found, text) for found, text in zip(words, sentences, strict=True)]

    def _longest(self) -> int:
        limits = [self.tokenizer.model_max_length, getattr(self.model.config, "max_position_embeddings", 512)]
        # RoBERTa's positions begin after that of the padding
        unused = (self.model.config.pad_token_id or 0) + 1 if "roberta" in self.model.config.model_type else 0
        return max(8, min(int(limits[0]), int(limits[1]) - unused, 512))


def entities(words: Sequence[tuple[int, int, str]], text: str) -> list[Mention]:
    """Return the entities of a sentence whose words are labelled.

    Args:
        words: ``(start, end, label)`` of each word, in order.
        text: The sentence.
    """
    found: list[Mention] = []
    open_type: str | None = None
    for start, end, label in words:
        match = _TAG.fullmatch(label)
        scheme, kind = (match[1], match[2]) if match else ("", label)
        if label.upper() in _OUTSIDE:
            open_type = None
            continue
        while start < end and text[start].isspace():
            start += 1
        if open_type == kind and scheme not in ("B", "S", "U"):
            found[-1] = replace(found[-1], end=end)
        else:
            found.append(Mention(start, end, kind))
        open_type = None if scheme in ("E", "S", "L", "U") else kind
    return found


class Gliner:
    """GLiNER: entities of any types that you name.

    Args:
        model: The model; :meth:`load` loads one by its name.
        types: The types to find, such as ``["person", "chemical"]``; at least one.
        threshold: Probability from which an entity counts, 0 to 1.
        name: Name of the model, by which annotations of different models are kept apart.

    Raises:
        SettingError: There are no types, or the threshold is no probability.
    """

    def __init__(self, model: Any, types: Sequence[str], *, threshold: float = 0.5, name: str = "") -> None:
        if not types:
            raise SettingError(
                "GLiNER needs the types of entities to find, such as person,company; none are given"
            )
        if not 0 <= threshold <= 1:
            raise SettingError(f"threshold is {threshold}; expected a probability, 0 to 1")
        self.model = model
        self.types = list(types)
        self.threshold = threshold
        self.name = name

    @classmethod
    def load(cls, name: str, types: Sequence[str], *, threshold: float = 0.5) -> Gliner:
        """Load a model.

        Args:
            name: Name of a model on the Hugging Face Hub, such as ``"urchade/gliner_small-v2.1"``, or path of a folder.
            types: The types to find.
            threshold: Probability from which an entity counts, 0 to 1.

        Raises:
            MissingExtraError: GLiNER is not installed.
            SettingError: There is no such model.
        """
        try:
            from gliner import GLiNER
        except ImportError as error:
            raise MissingExtraError("marking entities with GLiNER", "gliner") from error
        try:
            model = GLiNER.from_pretrained(name)
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).strip().split("\n")[0]
            raise SettingError(f"the GLiNER model {name!r} does not load: {reason}") from error
        return cls(model, types, threshold=threshold, name=name)

    @property
    def fingerprint(self) -> str:
        """Identifies the model by its name, the types and the threshold."""
        content = repr((self.name, self.types, self.threshold))
        return f"gliner-{blake2b(content.encode(), digest_size=16).hexdigest()}"

    def find(self, sentences: Sequence[str]) -> list[list[Mention]]:
        """Return the entities of each sentence."""
        answers = self.model.inference(list(sentences), self.types, threshold=self.threshold)
        return [[Mention(one["start"], one["end"], one["label"]) for one in answer] for answer in answers]


def _bytes() -> Any:
    import torch

    return torch.uint8

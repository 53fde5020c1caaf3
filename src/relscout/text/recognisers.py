"""Marks entities with models that read one sentence at a time: Hugging Face token classifiers, and GLiNER."""

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
#: Overlap of two windows of a long sentence, in tokens.
_STRIDE = 32


class Recogniser(Protocol):
    """Finds entities in sentences."""

    @property
    def fingerprint(self) -> str:
        """Identifies the model and its settings."""
        ...

    def find(self, sentences: Sequence[str]) -> list[list[Mention]]:
        """Return the entities of each sentence."""
        ...


class Recognised:
    """Marks the entities of a recogniser in the sentences of another annotator.

    Of overlapping entities, the longest is kept, of equally long ones the first.

    Args:
        recogniser: Finds the entities.
        sentences: Splits passages into sentences, and may parse them; its entities are ignored.
        batch_size: Number of sentences per batch, at least 1.
    """

    def __init__(
        self, recogniser: Recogniser, *, sentences: Annotator | None = None, batch_size: int = _BATCH
    ) -> None:
        self.recogniser = recogniser
        self.sentences: Annotator = sentences or SentenceRules()
        self.batch_size = batch_size

    @property
    def fingerprint(self) -> str:
        """Identifies the recogniser and the sentence splitter."""
        return f"{self.recogniser.fingerprint}@{self.sentences.fingerprint}"

    def annotate(self, texts: Iterable[Passage]) -> Iterator[MarkedSentence]:
        """Yield the sentences of passages in order, with their entities."""
        stream = iter(self.sentences.annotate(texts))
        while batch := list(islice(stream, self.batch_size)):
            mentions_of = self.recogniser.find([sentence.text for sentence in batch])
            for sentence, mentions in zip(batch, mentions_of, strict=True):
                yield replace(sentence, mentions=_apart(mentions))


def _apart(mentions: Iterable[Mention]) -> list[Mention]:
    selected: list[Mention] = []
    for mention in sorted(mentions, key=lambda mention: (mention.start - mention.end, mention.start)):
        if all(mention.end <= other.start or other.end <= mention.start for other in selected):
            selected.append(mention)
    return sorted(selected, key=lambda mention: mention.start)


class TokenClassifier:
    """A Hugging Face token classifier, such as ``dslim/bert-base-NER``.

    The label of a word is that of its first token. Labels may follow the schemes IO, IOB, IOBES or BILOU.

    Args:
        model: The classifier, in evaluation mode; its configuration names the labels.
        tokenizer: Its fast tokenizer.

    Raises:
        SettingError: The tokenizer is not fast, or the labels have no names.
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
            device: Device, such as ``"cpu"`` or ``"cuda"``.

        Raises:
            SettingError: There is no such model, or it is not a token classifier.
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
        return [entities(labelled, text) for labelled, text in zip(words, sentences, strict=True)]

    def _longest(self) -> int:
        limits = [self.tokenizer.model_max_length, getattr(self.model.config, "max_position_embeddings", 512)]
        # RoBERTa's positions start after the padding position
        unused = (self.model.config.pad_token_id or 0) + 1 if "roberta" in self.model.config.model_type else 0
        return max(8, min(int(limits[0]), int(limits[1]) - unused, 512))


def entities(words: Sequence[tuple[int, int, str]], text: str) -> list[Mention]:
    """Return the entities of a sentence from ``(start, end, label)`` of its words in order."""
    entities: list[Mention] = []
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
            entities[-1] = replace(entities[-1], end=end)
        else:
            entities.append(Mention(start, end, kind))
        open_type = None if scheme in ("E", "S", "L", "U") else kind
    return entities


class Gliner:
    """GLiNER: entities of the types that you name.

    Args:
        model: The model; :meth:`load` loads it by its name.
        types: The types to find, such as ``["person", "chemical"]``; at least one.
        threshold: Minimum probability of an entity, 0 to 1.
        name: Name of the model, part of the fingerprint.

    Raises:
        SettingError: There are no types, or the threshold is not a probability.
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
            threshold: Minimum probability of an entity, 0 to 1.

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
        return [
            [Mention(entity["start"], entity["end"], entity["label"]) for entity in answer]
            for answer in answers
        ]


def _bytes() -> Any:
    import torch

    return torch.uint8

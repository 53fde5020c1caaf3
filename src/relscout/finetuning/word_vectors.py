"""Word vectors from a text file, for words that have one."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import file_digest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from relscout.errors import InputError
from relscout.seeding import generator

#: Standard deviation of drawn vectors.
_STD = 0.1


def word_vectors(
    words: Sequence[str], *, dimension: int, path: Path | None, seed: int
) -> NDArray[np.float32]:
    """Return a vector for each word (V, E), float32: that of a file, or one that is drawn.

    Args:
        words: The words, in small letters.
        dimension: Dimensions E where there is no file, which else decides them.
        path: A text file with a word and its numbers in each line, as GloVe and word2vec write them.
        seed: Draws the others.

    Raises:
        InputError: The file cannot be read, or a line has not as many numbers as the first.
    """
    given = {} if path is None else _read(path, frozenset(words))
    if given:
        dimension = len(next(iter(given.values())))
    found = (_STD * generator(seed, "words").standard_normal((len(words), dimension))).astype(np.float32)
    for place, word in enumerate(words):
        if word in given:
            found[place] = given[word]
    return found


def digest_of(path: Path | None) -> str:
    """Return a hash of the file; nothing where there is none.

    Raises:
        InputError: The file cannot be read.
    """
    if path is None:
        return ""
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


def _read(path: Path, wanted: frozenset[str]) -> dict[str, NDArray[np.float32]]:
    found: dict[str, NDArray[np.float32]] = {}
    width: int | None = None
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                word, *numbers = line.rstrip().split(" ")
                if number == 1 and len(numbers) == 1:
                    continue  # word2vec's first line counts words and dimensions
                width = width or len(numbers)
                if len(numbers) != width or not numbers:
                    raise InputError(
                        f"{path}, line {number}: {len(numbers)} numbers after the word, expected {width or 'some'}; "
                        "each line has a word and its vector, separated by single spaces"
                    )
                # the first spelling of a word is the most frequent one
                if word.lower() in wanted and word.lower() not in found:
                    found[word.lower()] = np.array(numbers, dtype=np.float32)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}, line {number}: {error}; expected a word and its vector") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if not found:
        raise InputError(
            f"{path}: it has no vector for any of the {len(wanted)} words of the training data; is it in the same "
            "language?"
        )
    return found

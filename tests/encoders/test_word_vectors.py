from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from relscout.core.errors import InputError
from relscout.encoders.convolution import digest_of, word_vectors


def vectors(path: Path | None, words: tuple[str, ...] = ("the", "moon", "orbits")) -> np.ndarray:
    return word_vectors(words, dimension=4, path=path, seed=0)


def test_words_of_the_file_have_its_vectors_and_the_others_are_drawn(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("3 2\nthe 1 2\nMoon 3 -4.5\nsun 5 6\nmoon 7 8\n", encoding="utf-8")
    found = vectors(path)
    assert found[:2].tolist() == [[1, 2], [3, -4.5]]
    assert found.shape == (3, 2)
    assert found[2].any()
    assert vectors(None).shape == (3, 4)
    assert digest_of(path) != digest_of(None) == ""


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("the 1 2\nmoon 3\n", "line 2: 1 number after the word, expected 2"),
        ("the 1 x\n", "line 1: could not convert"),
        ("sonne 1 2\n", "no vector for any of the 3 words"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=complaint):
        vectors(path)
    with pytest.raises(InputError, match=r"nowhere\.txt: No such file"):
        vectors(tmp_path / "nowhere.txt")

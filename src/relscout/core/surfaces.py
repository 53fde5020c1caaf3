"""Surfaces of entities: names are compared in Unicode NFC, and a span that cuts a word is recognised."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

#: Scripts without spaces between words, as a range of a regular expression: Thai, Lao, Burmese, Khmer, Kana, Han.
UNSPACED = (
    "\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u3005-\u3007\u3040-\u312f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaadf\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
#: Two letters of one syllable: a vowel of Thai or Lao before or after its consonant, a small Kana after a large one.
_SYLLABLE = re.compile("[เแโใไເແໂໃໄ].|.[ะาำๅະາຳ]|[\u3041-\u30ff\uff66-\uff9f][ーャュョァィゥェォｰｬｭｮｧｨｩｪｫﾞﾟ]")
_UNSPACED_CHARACTER = re.compile(f"[{UNSPACED}]")


def composed(text: str) -> str:
    """Return a text in Unicode NFC, in which a letter with its accent is one character."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def composed_with_offsets(text: str) -> tuple[str, Sequence[int]]:
    """Return a text in NFC, and the offset in ``text`` of each of its offsets, including the end."""
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return text, range(len(text) + 1)
    pieces: list[str] = []
    places: list[int] = []
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and joins_previous(text[end]):
            end += 1
        piece = unicodedata.normalize("NFC", text[start:end])
        pieces.append(piece)
        # characters keep their offsets if the length is unchanged; otherwise all get the offset of the start
        same = len(piece) == end - start
        places += [start + place if same else start for place in range(len(piece))]
        start = end
    return "".join(pieces), [*places, len(text)]


def folded(name: str) -> str:
    """Return a name without the differences of case and of Unicode form (NFC)."""
    return name.lower() if name.isascii() else composed(composed(name).casefold())


def same_name(name: str, other: str) -> bool:
    """Return whether two names are equal but for case, white space and Unicode form (NFC)."""
    return name == other or folded("".join(name.split())) == folded("".join(other.split()))


def occurrences(surface: str, text: str, *, most: int | None = None) -> list[tuple[int, int]]:
    """Return the spans ``[start, end)`` of ``text`` that hold a surface, compared in NFC; they may overlap.

    Args:
        surface: The entity as it is written, not empty.
        text: The text; the spans count its characters, whatever its Unicode form.
        most: Stop at this number of spans.
    """
    whole, offsets = composed_with_offsets(text)
    wanted = composed(surface)
    spans: list[tuple[int, int]] = []
    start = whole.find(wanted)
    while start >= 0 and (most is None or len(spans) < most):
        spans.append((offsets[start], offsets[start + len(wanted)]))
        start = whole.find(wanted, start + 1)
    return spans


def end_of(surface: str, text: str, start: int) -> int:
    """Return the end of a surface that starts at an offset of a text, in the text's own Unicode form."""
    end = start + len(surface)
    if text[start:end] == surface or start < 0 or (surface.isascii() and text.isascii()):
        return end
    whole, offsets = composed_with_offsets(text[start:])
    wanted = composed(surface)
    return start + offsets[len(wanted)] if whole.startswith(wanted) else end


def splits_word(text: str, position: int) -> bool:
    """Return whether a position lies inside a word, or between a letter and its accent.

    Words are runs of letters, digits and underscores. In scripts without spaces between words any position that is
    not inside a syllable is between two words.
    """
    if not 0 < position < len(text):
        return False
    before, after = text[position - 1], text[position]
    if before.isascii() and after.isascii():
        return (before.isalnum() or before == "_") and (after.isalnum() or after == "_")
    if unicodedata.category(after).startswith("M"):
        return True  # a vowel sign or accent belongs to the letter before
    if _SYLLABLE.match(before + after):
        return True
    if _UNSPACED_CHARACTER.match(before) or _UNSPACED_CHARACTER.match(after):
        return False
    return in_word(before) and in_word(after)


def cuts_word(text: str, start: int, end: int) -> bool:
    """Return whether a span ``[start, end)`` that lies in a text begins or ends inside a word, or on a blank."""
    return (
        text[start].isspace() or text[end - 1].isspace() or splits_word(text, start) or splits_word(text, end)
    )


def in_word(character: str) -> bool:
    """Return whether a character is part of a word: a letter with its marks, a digit or an underscore."""
    # vowel signs and accents (category M) belong to the previous letter, although \w excludes them
    return character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")


def joins_previous(character: str) -> bool:
    """Return whether a character may compose with the one before it."""
    return unicodedata.category(character).startswith("M") or "\u1160" <= character <= "\u11ff"

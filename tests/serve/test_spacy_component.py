"""The spaCy component, as a program uses it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from spacy.language import Language
from spacy.tokens import Doc, DocBin

from relscout.core.errors import ArtifactError, InputError, SettingError
from relscout.core.instances import RelationInstance
from relscout.discovery import Discovery, discover
from relscout.encoders import TransformerEncoder
from relscout.serve.spacy_component import RelationComponent, make_component, relations_of
from relscout.text.pairs import mark_texts
from relscout.text.spacy_pipeline import SpacyPipeline

LIVES = (
    "Marie Curie was born in Warsaw.",
    "Her daughter Irène was born in Paris, where Frederic Chopin died in 1849.",
    "Franz Schubert was born in Vienna.",
    "Felix Mendelssohn, who was born in Hamburg, studied in Berlin.",
    "Clara Wieck was born in Leipzig, the home of the composer Johann Sebastian Bach.",
)
Make = Callable[..., RelationComponent]
TEXT = "Ada Lovelace was born in London.\nShe met Charles Babbage in London in 1833."


@pytest.fixture(scope="module")
def of_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on plain text, which has thresholds for unrelated pairs."""
    folder = tmp_path_factory.mktemp("runs") / "of-text"
    discover(mark_texts([" ".join(LIVES)], annotator=SpacyPipeline.load()), precision=0.8).save(folder)
    return folder


@pytest.fixture(scope="module")
def of_pairs(corpus: list[RelationInstance], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on marked pairs, which gives every pair a relation."""
    chosen = [each for name in ("place of birth", "orbits") for each in corpus if each.relation == name]
    folder = tmp_path_factory.mktemp("runs") / "of-pairs"
    discover(chosen[::6], n_relations=2).save(folder)
    return folder


@pytest.fixture(scope="module")
def base() -> Language:
    """The small English pipeline, without the component."""
    return SpacyPipeline.load().nlp


@pytest.fixture(scope="module")
def loaded(of_text: Path, of_pairs: Path) -> dict[Path, Discovery]:
    return {folder: Discovery.load(folder) for folder in (of_text, of_pairs)}


@pytest.fixture(scope="module")
def make(base: Language, loaded: dict[Path, Discovery]) -> Make:
    """Returns a function that makes a component for a run, which is loaded once for all tests."""

    def made(run: Path, **config: Any) -> RelationComponent:
        component = RelationComponent(base, run=str(run), **config)
        component.discovery = loaded[run]
        return component

    return made


def with_names(run: Path, *, sentencizer: bool = True, ruler: bool = True) -> Language:
    """A pipeline without a parser, which knows two names."""
    nlp = spacy.blank("en")
    if sentencizer:
        nlp.add_pipe("sentencizer")
    if ruler:
        patterns = [{"label": "PERSON", "pattern": "Ida Kron"}, {"label": "GPE", "pattern": "Oslo"}]
        nlp.add_pipe("entity_ruler").add_patterns(patterns)  # type: ignore[attr-defined]
    nlp.add_pipe("relscout", config={"run": str(run)})
    return nlp


def shown(doc: Doc) -> list[tuple[str, str, str]]:
    return [(each.head.text, each.name, each.tail.text) for each in doc._.relations]


def test_a_document_has_the_relations_of_its_own_entities(base: Language, make: Make, of_text: Path) -> None:
    doc = make(of_text)(base(TEXT))
    (first, *_) = doc._.relations
    assert (first.head.text, first.name, first.tail.text) == ("Ada Lovelace", "born in", "London")
    assert (first.head.start, first.head.end, first.head.label_) == (0, 2, "PERSON")
    assert (first.tail.doc is doc, first.tail.label_) == (True, "GPE")
    assert (first.kept, first.polarity, first.phrase) == (True, "asserted", "born in")
    assert 0.5 < first.related <= 1
    assert 0 < first.confidence <= 1


def test_the_relations_are_those_that_the_run_predicts(
    base: Language, make: Make, of_text: Path, loaded: dict[Path, Discovery]
) -> None:
    text = TEXT.replace("\n", " ")
    run = loaded[of_text]
    expected = run.triples_of(run.predict(list(mark_texts([text], annotator=SpacyPipeline(base)))))
    triples = [(each.instance.head_text, each.relation, each.instance.tail_text) for each in expected]
    assert shown(make(of_text)(base(text))) == triples


def test_pairs_that_are_not_kept_are_listed_when_asked_for(
    base: Language, make: Make, of_text: Path, of_pairs: Path
) -> None:
    for run in (of_text, of_pairs):
        relations = make(run, unrelated=True)(base(TEXT))._.relations
        assert {each.kept for each in relations} == {True, False}
        kept = [(each.head.text, each.name, each.tail.text) for each in relations if each.kept]
        assert kept == shown(make(run)(base(TEXT)))
        assert ("Ada Lovelace", "London") in [(head, tail) for head, _, tail in kept]


@pytest.mark.parametrize("config", [{}, {"precision": 0.9, "unrelated": True}])
def test_documents_of_a_batch_do_not_change_each_other(
    base: Language, make: Make, of_text: Path, of_pairs: Path, config: dict[str, Any]
) -> None:
    texts = [TEXT, "Nothing is named here.", LIVES[0], TEXT]
    for run in (of_text, of_pairs):
        component = make(run, **config)
        single = [values(component(base(text))) for text in texts]
        batch = [values(doc) for doc in component.pipe(map(base, texts), batch_size=3)]
        assert batch == single
        assert batch[0] == batch[3] != []
        assert batch[1] == []


def values(doc: Doc) -> list[tuple[Any, ...]]:
    return [
        (each.head.text, each.id, each.tail.text, each.kept, round(each.related, 3))
        for each in doc._.relations
    ]


class Counting(TransformerEncoder):
    """Counts the forward passes."""

    passes = 0

    def hidden_states(self, *args: Any, **keywords: Any) -> Any:
        self.passes += 1
        return super().hidden_states(*args, **keywords)


def test_a_batch_is_encoded_in_one_pass(base: Language, make: Make, of_text: Path) -> None:
    component = make(of_text)
    encoder = Counting(component.discovery.model.encoder.settings)  # type: ignore[attr-defined]
    component.discovery = Discovery.load(of_text, encoder=encoder)
    list(component.pipe(map(base, LIVES)))
    assert encoder.passes == 1
    assert encoder.cache is None


def test_a_minimum_confidence_leaves_out_less_certain_relations(
    base: Language, make: Make, of_pairs: Path
) -> None:
    confidences = [each.confidence for each in make(of_pairs, unrelated=True)(base(TEXT))._.relations]
    component = make(of_pairs, unrelated=True, min_confidence=max(confidences) - 1e-4)
    assert 0 < len(component(base(TEXT))._.relations) < len(confidences)


def test_documents_with_relations_are_written_and_read(base: Language, make: Make, of_text: Path) -> None:
    doc = make(of_text)(base(TEXT))
    again = Doc(base.vocab).from_bytes(doc.to_bytes())
    assert again._.relations[0].head.text == "Ada Lovelace"
    (packed,) = DocBin(docs=[doc], store_user_data=True).get_docs(base.vocab)
    assert shown(packed) == shown(doc) != []


def test_a_saved_pipeline_needs_no_other_folder(of_text: Path, tmp_path: Path) -> None:
    source = tmp_path / "run"
    Discovery.load(of_text).save(source)
    nlp = with_names(source)
    expected = shown(nlp("Ida Kron was born in Oslo."))
    nlp.to_disk(tmp_path / "pipeline")
    source.rename(tmp_path / "elsewhere")
    again = spacy.load(tmp_path / "pipeline")
    assert shown(again("Ida Kron was born in Oslo.")) == expected == [("Ida Kron", "born in", "Oslo")]
    copied = with_names(tmp_path / "gone")
    # not the whole pipeline, because spaCy's entity ruler loses its patterns in bytes
    copied.get_pipe("relscout").from_bytes(nlp.get_pipe("relscout").to_bytes())  # type: ignore[attr-defined]
    assert shown(copied("Ida Kron was born in Oslo.")) == expected


def test_bytes_of_a_run_name_no_file_outside_of_it(make: Make, of_text: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    with pytest.raises(ArtifactError, match="outside of it"):
        make(of_text).from_bytes(srsly.msgpack_dumps({str(outside): b"x"}))
    assert not outside.exists()


def test_a_document_that_no_component_has_read_has_no_relations(base: Language) -> None:
    assert relations_of(base.make_doc(TEXT)) == []


def test_two_runs_have_attributes_of_their_own(
    base: Language, make: Make, of_text: Path, of_pairs: Path
) -> None:
    doc = make(of_pairs, attribute="relations_of_pairs")(make(of_text)(base(LIVES[0])))
    assert shown(doc) == [("Marie Curie", "born in", "Warsaw")]
    assert len(doc._.relations_of_pairs) == 1


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "needs the folder of a run: nlp.add_pipe"),
        ({"run": "."}, r"\. is no run of relscout: there is no run.json"),
        ({"run": "gone", "precision": 2.0}, "precision is 2.0, expected a share"),
        ({"run": "gone", "min_confidence": -1.0}, "min_confidence is -1.0"),
        ({"run": "gone", "directions": "all"}, "directions is 'all'"),
        ({"run": "gone", "attribute": "taken"}, "doc._.taken is an attribute of something else"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(
    config: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Doc.set_extension("taken", default=None, force=True)
    with pytest.raises(SettingError, match=message):
        spacy.blank("en").add_pipe("relscout", config=config)


def test_a_run_that_is_not_there_is_an_error_with_the_next_step() -> None:
    with pytest.raises(SettingError, match=r"there is no run 'gone' .*relscout discover"):
        with_names(Path("gone"))("Ida Kron lives in Oslo.")


def test_text_without_sentences_is_an_error_with_the_next_step(of_text: Path) -> None:
    with pytest.raises(
        InputError, match=r'not split into sentences.*add_pipe\("sentencizer", before="relscout"\)'
    ):
        with_names(of_text, sentencizer=False)("Ida Kron lives in Oslo.")


def test_a_pipeline_without_entities_is_an_error_with_the_next_step(of_text: Path) -> None:
    nlp = with_names(of_text, ruler=False)
    with pytest.raises(SettingError, match=r"no component before 'relscout' marks entities \(sentencizer\)"):
        nlp("Ida Kron lives in Oslo.")
    nlp.add_pipe("entity_ruler")  # too late: after the component
    with pytest.raises(SettingError, match="no component before 'relscout' marks entities"):
        nlp("Ida Kron lives in Oslo.")
    assert with_names(of_text)("Nobody is named here.")._.relations == []


def entry_points() -> Iterator[tuple[str, str]]:
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    yield from tomllib.loads(text)["project"]["entry-points"]["spacy_factories"].items()


def test_the_entry_point_is_the_factory() -> None:
    ((name, place),) = entry_points()
    module, _, function = place.partition(":")
    assert name == "relscout"
    assert getattr(import_module(module), function) is make_component


def loaded_by(code: str, among: Sequence[str]) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*({set(among)!r} & set(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_the_entry_point_costs_other_users_of_spacy_nothing() -> None:
    ((_, place),) = entry_points()
    module = place.partition(":")[0]
    code = f"import spacy, {module}; assert not spacy.tokens.Doc.has_extension('relations')"
    # spaCy itself imports torch where it is installed
    heavy = ["transformers", "sklearn", "scipy", "relscout.discovery", "relscout.text", "fastapi"]
    assert loaded_by(code, heavy) == []

"""Runs on the Hugging Face hub, against a hub on loopback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from relscout import Discovery, RelationInstance, discover
from relscout.core.errors import ArtifactError, DownloadError, OutputError, SettingError
from relscout.discovery.hub import Address, address, is_local, model_card
from tests.cli.conftest import call, sentences
from tests.discovery.hub_server import TOKEN, Hub, serving

REPO = "ada/relations"

# of the library, for files that are sent in the older way
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")


class Letters:
    """How often each letter stands between the two mentions."""

    fingerprint = "letters-of-the-hub"

    def encode(self, instances: Sequence[RelationInstance]) -> NDArray[np.float32]:
        vectors = np.ones((len(instances), 26), dtype=np.float32)
        for row, instance in enumerate(instances):
            for letter in instance.text[instance.head.end : instance.tail.start].lower():
                vectors[row, ord(letter) % 26] += 1
        return vectors


def made(**more: Any) -> Discovery:
    records = [{**record, "relation": None, **more} for record in sentences()]
    settings = {"start": "k-means++", "n_init": 1}
    return discover(records, n_relations=2, encoder=Letters(), settings=settings)


@pytest.fixture(scope="module")
def discovery() -> Discovery:
    return made()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub that huggingface_hub uses, with a token and an empty cache."""
    with serving() as hub:
        for name, value in {
            "ENDPOINT": hub.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": hub.url + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HUB_OFFLINE": False,
            "HF_HUB_CACHE": str(tmp_path / "cache"),
            "HF_HUB_DISABLE_XET": True,
        }.items():
            monkeypatch.setattr(huggingface_hub.constants, name, value)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield hub


def loaded(**options: Any) -> Discovery:
    return Discovery.from_hub(REPO, encoder=Letters(), **options)


def test_a_run_comes_back_as_it_was_sent(hub: Hub, discovery: Discovery) -> None:
    url = discovery.push_to_hub(REPO)
    assert url.startswith(f"{hub.url}/{REPO}/commit/")
    back = loaded()
    assert back.relations == discovery.relations
    assert list(back.triples()) == list(discovery.triples())
    new = [{**record, "relation": None} for record in sentences(("Zoe", "Max"))]
    assert back.predict(new).relation_ids.tolist() == discovery.predict(new).relation_ids.tolist()


def test_large_files_are_sent_as_such_and_silently(
    hub: Hub, discovery: Discovery, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.large = (".safetensors", ".gz")
    discovery.push_to_hub(REPO)
    assert len(hub.objects) == 2
    assert capsys.readouterr() == ("", "")
    assert loaded().relations == discovery.relations


def test_a_run_replaces_an_earlier_one_whole(hub: Hub, discovery: Discovery) -> None:
    discovery.push_to_hub(REPO, message="first")
    repository = hub.repositories[REPO]
    first = repository.branches["main"]
    more = {"model/old.safetensors": b"", "report.html": b"", "notes.txt": b"by hand", ".gitattributes": b""}
    repository.commits["1" * 40] = repository.commits[first] | more
    repository.branches["main"] = "1" * 40
    discovery.rename(0, "other").push_to_hub(REPO, message="second")
    left = repository.files()
    assert left is not None
    assert {"notes.txt", ".gitattributes"} <= set(left)
    assert not {"model/old.safetensors", "report.html"} & set(left)
    assert repository.messages == ["first", "second"]
    assert loaded().relation(0).name == "other"
    assert loaded(revision=first).relations == discovery.relations


def test_a_run_in_shards_comes_back_and_is_replaced_whole(
    hub: Hub, discovery: Discovery, tmp_path: Path
) -> None:
    discovery.save(tmp_path / "sharded", shard_above=0)
    sharded = Discovery.load(tmp_path / "sharded", encoder=Letters())
    sharded.push_to_hub(REPO)
    repository = hub.repositories[REPO]
    first = repository.branches["main"]
    assert list(loaded().triples()) == list(discovery.triples())
    later = {
        f"{folder}/part-00001.parquet": b"" for folder in ("instances", "assignments", "facts", "triples")
    }
    repository.commits["1" * 40] = repository.commits[first] | later
    repository.branches["main"] = "1" * 40
    sharded.push_to_hub(REPO)
    assert repository.files() == repository.commits[first]
    discovery.push_to_hub(REPO)
    assert not [name for name in repository.files() or () if name.endswith(".parquet")]
    assert list(loaded().triples()) == list(discovery.triples())


def test_a_branch_holds_a_run_of_its_own(hub: Hub, discovery: Discovery) -> None:
    discovery.push_to_hub(REPO, revision="v2")
    assert len(Discovery.load(f"hf://{REPO}@v2", encoder=Letters()).relations) == 2
    with pytest.raises(ArtifactError, match="is not a run of relscout"):
        loaded()


@pytest.mark.parametrize("private", [True, False])
def test_a_repository_is_private_if_asked(
    hub: Hub, discovery: Discovery, private: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    discovery.push_to_hub(REPO, private=private)
    assert hub.repositories[REPO].private is private
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    if private:
        with pytest.raises(
            DownloadError, match=r"there is no such repository, or your token gives no access"
        ):
            loaded()
        assert loaded(token=TOKEN)
    else:
        assert loaded()


def test_a_public_repository_gets_no_run_that_is_to_be_private(hub: Hub, discovery: Discovery) -> None:
    discovery.push_to_hub(REPO)
    before = hub.repositories[REPO].files()
    with pytest.raises(SettingError, match="hf://ada/relations exists and is public; make it private"):
        discovery.rename(0, "other").push_to_hub(REPO, private=True)
    assert hub.repositories[REPO].files() == before
    hub.repositories[REPO].private = True
    discovery.rename(0, "other").push_to_hub(REPO, private=True)
    assert loaded().relation(0).name == "other"


def test_pushing_needs_a_token(hub: Hub, discovery: Discovery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(
        OutputError, match=r"your token gives no access; run 'hf auth login', or set HF_TOKEN"
    ) as error:
        discovery.push_to_hub(REPO)
    assert "hf_wrong" not in str(error.value)
    assert hub.repositories == {}


def test_a_token_that_may_only_read_is_refused(hub: Hub, discovery: Discovery) -> None:
    hub.fails, hub.status = "repos/create", 403
    with pytest.raises(OutputError, match="your token does not allow it; create one with the right to write"):
        discovery.push_to_hub(REPO)


def test_what_is_not_there_is_an_error(hub: Hub, discovery: Discovery) -> None:
    with pytest.raises(DownloadError, match=r"cannot load hf://ada/relations: there is no such repository"):
        loaded()
    discovery.push_to_hub(REPO)
    with pytest.raises(DownloadError, match=r"hf://ada/relations@v9: it has no such revision"):
        loaded(revision="v9")


@pytest.mark.parametrize(
    ("fails", "status"), [("/commit/", None), ("/commit/", 500), ("/lfs/", 400), ("preupload", 400)]
)
def test_an_upload_that_breaks_off_leaves_the_repository_as_it_was(
    hub: Hub, discovery: Discovery, fails: str, status: int | None
) -> None:
    discovery.push_to_hub(REPO)
    before = dict(hub.repositories[REPO].files() or {})
    hub.large, hub.fails, hub.status = (".safetensors",), fails, status
    with pytest.raises(OutputError, match="the repository has no part of this run"):
        discovery.rename(0, "other").push_to_hub(REPO)
    assert hub.repositories[REPO].files() == before
    hub.fails = ""
    discovery.rename(0, "other").push_to_hub(REPO)
    assert loaded().relation(0).name == "other"


def test_a_hub_that_cannot_be_reached_is_an_error(
    hub: Hub, discovery: Discovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(OutputError, match="the hub cannot be reached or broke off"):
        discovery.push_to_hub(REPO)
    with pytest.raises(DownloadError, match="the hub cannot be reached or broke off"):
        loaded()


def test_a_run_in_the_cache_needs_no_network(
    hub: Hub, discovery: Discovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    discovery.push_to_hub(REPO)
    loaded()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert loaded().relations == discovery.relations
    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE is set, and the cache does not have it"):
        Discovery.from_hub("ada/other")


@pytest.mark.parametrize("change", ["changed", "missing"])
def test_a_repository_that_was_changed_is_refused(hub: Hub, discovery: Discovery, change: str) -> None:
    discovery.push_to_hub(REPO)
    files = hub.repositories[REPO].files()
    assert files is not None
    if change == "missing":
        del files["model/tensors.safetensors"]
    else:
        files["relations.jsonl"] = files["relations.jsonl"].replace(b"born", b"torn")
    with pytest.raises(ArtifactError, match="is missing" if change == "missing" else "was changed after"):
        loaded()


def test_a_licence_that_the_hub_does_not_know_is_refused(hub: Hub, discovery: Discovery) -> None:
    with pytest.raises(
        OutputError, match=r'Invalid metadata in README\.md\. - "license" must be one of a list'
    ):
        discovery.push_to_hub(REPO, license="no-such")


@pytest.mark.parametrize("repo", ["relations", "ada/rel/x", "../x", "ada/", "hf://ada/x", "a b/c"])
def test_a_repository_has_an_owner_and_a_name(hub: Hub, discovery: Discovery, repo: str) -> None:
    for use in (discovery.push_to_hub, Discovery.from_hub):
        with pytest.raises(SettingError, match="expected owner/name"):
            use(repo)
    assert hub.requests == []


def test_a_run_with_paths_of_this_machine_is_not_sent(hub: Hub, discovery: Discovery, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.touch()
    for run, place in (
        (made(source=f"{text}, line 3"), "the source of the instance"),
        (made(document=str(text)), "the source of the instance"),
        (discovery.with_run({"vocabulary": {"source": str(text)}}), r"'run.json' \(vocabulary.source\)"),
        (discovery.with_run({"warnings": [f"see {Path.home() / 'x'}"]}), r"'run.json' \(warnings\)"),
    ):
        with pytest.raises(SettingError, match=f"a path of this machine in {place}"):
            run.push_to_hub(REPO)
    assert hub.requests == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data/ada/corpus/doc1.txt, line 3", True),
        ("vectors_file=/data/vectors.npy", True),
        ("C:\\Users\\ada\\x.txt, line 3", True),
        ("vectors_file=D:/vectors.npy", True),
        ("\\\\server\\share\\x.txt", True),
        ("file:///data/x.txt", True),
        ("https://example.org/data/x.txt?next=/data", False),
        ("hf://ada/relations", False),
        ("hf:/ada/relations", False),
        ("sentence-transformers/all-MiniLM-L6-v2", False),
        ("2024/01/02", False),
        ("90 km/h", False),
        ("a/b.txt, line 3", False),
        ("x=1/2", False),
        ("/", False),
        ("Note: a text", False),
    ],
)
def test_paths_of_this_machine_are_recognised(
    text: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for home in ("/", "/home/ada"):
        monkeypatch.setenv("HOME", home)
        assert is_local(text) is expected
    assert is_local("see /home/ada/x")


def test_a_container_without_a_home_directory_can_push(
    hub: Hub, discovery: Discovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pwd

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert discovery.push_to_hub(REPO).startswith(hub.url)


def test_the_card_is_made_from_the_run(discovery: Discovery) -> None:
    card = model_card(discovery.rename(0, "a|b <script>"), REPO, license="cc-by-4.0")
    header, text = card.removeprefix("---\n").split("---\n", 1)
    assert yaml.safe_load(header) == {
        "library_name": "relscout",
        "license": "cc-by-4.0",
        "tags": ["relscout", "relation-extraction", "open-relation-extraction"],
    }
    for relation in discovery.relations:
        assert f"| {relation.size} |" in text
    assert r"a\|b &lt;script\>" in text
    for line in (
        f'Discovery.from_hub("{REPO}")',
        f"relscout extract hf://{REPO} new.txt",
        "| encoder | Letters |",
        "| method | kmeans |",
        "| instances | 30 |",
        f"| facts | {len(discovery.facts())} |",
        "License: cc-by-4.0.",
    ):
        assert line in text
    assert "No licence is stated" in model_card(discovery, REPO)


def test_the_card_names_nothing_of_the_machine(tiny_bert: Path) -> None:
    from relscout import EncoderSettings, TransformerEncoder

    encoder = TransformerEncoder(EncoderSettings(model=str(tiny_bert), pooling="sentence"))
    records = [{**record, "relation": None} for record in sentences()]
    local = discover(records, n_relations=2, encoder=encoder, settings={"start": "k-means++", "n_init": 1})
    card = model_card(local, REPO)
    assert "| encoder | a local model, which is not part of this repository |" in card
    assert str(tiny_bert) not in card
    assert tiny_bert.name not in card
    with pytest.raises(SettingError, match="a path of this machine in"):
        local.push_to_hub(REPO)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hf://ada/relations", Address("ada/relations")),
        ("hf:/ada/relations@v1.0", Address("ada/relations", "v1.0")),
        (Path("hf://ada/relations@refs/pr/1"), Address("ada/relations", "refs/pr/1")),
        ("my-run", None),
        (Path("a/hf:/x"), None),
    ],
)
def test_an_address_of_the_hub_is_recognised(text: str | Path, expected: Address | None) -> None:
    assert address(text) == expected


@pytest.mark.parametrize("text", ["hf://ada", "hf://ada/b/c", "hf:///x/y", "hf://ada/b@"])
def test_another_address_is_an_error(text: str) -> None:
    with pytest.raises(SettingError, match="is no repository; expected hf://owner/name"):
        address(text)


# -- the command line


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose encoder everybody has."""
    from relscout import EncoderSettings, TransformerEncoder

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    encoder = TransformerEncoder(EncoderSettings(model="minilm"))
    records = [{**record, "relation": None} for record in sentences(("Ada", "Bob"))]
    settings = {"start": "k-means++", "n_init": 1}
    discover(records, n_relations=2, encoder=encoder, settings=settings).save("run")
    return tmp_path / "run"


def test_runs_are_exported_to_the_hub_and_read_from_there(hub: Hub, bundled: Path, tmp_path: Path) -> None:
    done = call("export", "run", "--to", f"hf://{REPO}", "--private", "--license", "cc-by-4.0")
    assert (done.code, done.out) == (0, "")
    assert f"the run, with 10 instances, is at {hub.url}/{REPO}/commit/" in done.err
    assert hub.repositories[REPO].private
    shutil.rmtree(bundled)
    assert call("export", f"hf://{REPO}@main", "--out", "facts.jsonl").code == 0
    assert len((tmp_path / "facts.jsonl").read_text("utf-8").splitlines()) == 10
    with (tmp_path / "new.jsonl").open("w") as file:
        file.writelines(json.dumps(record) + "\n" for record in sentences(("Zoe",)))
    done = call("extract", f"hf://{REPO}", "new.jsonl", "--no-cache")
    assert (done.code, len(done.out.splitlines())) == (0, 5)
    done = call("report", f"hf://{REPO}")
    assert (done.code, done.err) == (2, "error: the report of a run of the hub needs --out FILE\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--to", "hf://ada"), "'hf://ada' is no repository"),
        (("--to", f"hf://{REPO}", "--out", "x"), "--out has no effect here"),
        (("--to", f"hf://{REPO}", "--triples"), "--triples has no effect here"),
        (("--out", "facts.nt", "--private"), "--private has no effect here"),
        (("--to", "turtle"), "--out FILE is missing"),
    ],
)
def test_options_that_do_not_fit_are_errors(arguments: Sequence[str], message: str) -> None:
    done = call("export", "run", *arguments)
    assert done.code == 2
    assert message in done.err

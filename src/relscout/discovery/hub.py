"""Runs on the Hugging Face hub: a repository of models holds one run, with a card that is made from it.

A run is sent in one commit, so that a repository has a whole run or none. The token is the one that ``hf auth login``
stored, or that of the environment variable ``HF_TOKEN``; ``HF_ENDPOINT`` names another hub.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import yaml

from relscout.core.errors import DownloadError, OutputError, RelscoutError, SettingError
from relscout.core.instances import Entity, Fact
from relscout.core.wording import counted
from relscout.discovery.relation import Assignments, Relation
from relscout.discovery.storage import CONTENTS, MODEL, REPORT, RUN, SHARDED
from relscout.encoders import name_of
from relscout.methods import Estimator

CARD: Final = "README.md"
_MOST_RELATIONS: Final = 200
_ADDRESS = re.compile(r"hf:/{1,2}(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[^@\s]+))?/?")
_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
#: What Markdown and HTML would not show as it is.
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#|~!$&])")


_URL = re.compile(r"\b(?!file:)[A-Za-z][\w+.-]{1,30}://\S*")
#: An absolute path of POSIX or Windows, at the beginning or as the value of a setting.
_PATH = re.compile(r"(?:^|=)[\"']?(?:file:/|/[^/\s]|[A-Za-z]:[\\/]|\\\\[\w.-]+\\)")


class Run(Protocol):
    """What is used of a :class:`relscout.discovery.Discovery`."""

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The relations."""
        ...

    @property
    def assignments(self) -> Assignments:
        """The instances of the corpus with their relations."""
        ...

    @property
    def model(self) -> Estimator:
        """The fitted method."""
        ...

    @property
    def run(self) -> Mapping[str, Any]:
        """Settings, versions and counts."""
        ...

    def facts(self) -> Sequence[Fact]:
        """Return the facts."""
        ...

    def entities(self) -> Sequence[Entity]:
        """Return the entities."""
        ...

    def save(self, folder: Path) -> None:
        """Write it to a folder."""
        ...


@dataclass(frozen=True)
class Address:
    """A repository of the hub, and a revision of it."""

    repo: str
    """``owner/name``."""
    revision: str | None = None
    """A branch, a tag or the hash of a commit; ``None`` for the main branch."""


def address(text: str | Path) -> Address | None:
    """Return the repository that ``hf://owner/name`` or ``hf://owner/name@revision`` names; ``None`` for a path.

    Raises:
        SettingError: It begins with ``hf:/`` and has another form.
    """
    if not str(text).startswith("hf:/"):
        return None
    match = _ADDRESS.fullmatch(str(text))
    if match is None:
        raise SettingError(
            f"{str(text)!r} is no repository; expected hf://owner/name or hf://owner/name@revision"
        )
    return Address(match["repo"], match["revision"])


def push(
    discovery: Run,
    repo: str,
    *,
    private: bool | None = None,
    license: str | None = None,
    revision: str | None = None,
    message: str | None = None,
    token: str | None = None,
) -> str:
    """Send a run to a repository of the hub; see :meth:`relscout.discovery.Discovery.push_to_hub`.

    Returns:
        The address of the commit.

    Raises:
        SettingError: The name of the repository is wrong, the run has paths of this machine, or the repository is
            public and ``private`` is true.
        OutputError: The hub refused the run or cannot be reached.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    if not _REPO.fullmatch(repo):
        raise SettingError(f"the repository is {repo!r}; expected owner/name")
    if place := next(_local_paths(discovery), None):
        raise SettingError(
            f"the run has a path of this machine in {place}; others could not use it, and it would be public. Publish "
            "the encoder and name it by its repository, and run the discovery in the directory of its input"
        )
    api = HfApi(token=token)
    with tempfile.TemporaryDirectory(prefix="relscout-hub-") as place:
        folder = Path(place) / "run"
        discovery.save(folder)
        (folder / CARD).write_text(model_card(discovery, repo, license=license), encoding="utf-8")
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        try:
            api.create_repo(repo, private=private, exist_ok=True)
            if private and not api.repo_info(repo).private:
                raise SettingError(
                    f"hf://{repo} exists and is public; make it private in its settings on the hub, name another "
                    "repository, or leave out --private (private=True in Python)"
                )
            if revision is not None:
                api.create_branch(repo, branch=revision, exist_ok=True)
            names = {path.relative_to(folder).as_posix(): path for path in files}
            old = [name for name in api.list_repo_files(repo, revision=revision) if _is_of_run(name)]
            operations: list[Any] = [CommitOperationAdd(name, path) for name, path in names.items()]
            # files of an earlier run that this one has not
            operations += [CommitOperationDelete(name) for name in old if name not in names]
            with _without_bars(), warnings.catch_warnings():
                # a run in shards has its data in a repository of models on purpose
                warnings.filterwarnings("ignore", message="It seems that you are about to commit a data file")
                commit = api.create_commit(
                    repo,
                    operations,
                    commit_message=message or f"{counted(len(discovery.relations), 'relation')} by relscout",
                    revision=revision,
                )
        except SettingError:
            raise
        except Exception as error:
            raise OutputError(
                f"cannot push to hf://{repo}: {_reason(error)}; the repository has no part of this run"
            ) from error
    return str(commit.commit_url)


def fetch(repo: str, *, revision: str | None = None, token: str | None = None) -> Path:
    """Return a folder with the files of a run of the hub, which are downloaded unless the cache has them.

    Raises:
        SettingError: The name of the repository is wrong.
        DownloadError: There is no such repository or revision, it cannot be read, or the hub cannot be reached.
    """
    from huggingface_hub import snapshot_download

    if not _REPO.fullmatch(repo):
        raise SettingError(f"the repository is {repo!r}; expected owner/name")
    folders = {MODEL, *SHARDED.values()}
    wanted = sorted(CONTENTS - {REPORT} - folders | {f"{folder}/*" for folder in folders})
    try:
        with _without_bars():
            return Path(snapshot_download(repo, revision=revision, token=token, allow_patterns=wanted))
    except Exception as error:
        at = f"@{revision}" if revision else ""
        raise DownloadError(f"cannot load hf://{repo}{at}: {_reason(error)}") from error


def model_card(discovery: Run, repo: str, *, license: str | None = None) -> str:
    """Return the card of a run in Markdown, with metadata; it has no path and no name of this machine.

    Args:
        discovery: The run.
        repo: ``owner/name``.
        license: Identifier of the licence of the data and the model, such as ``cc-by-4.0``.
    """
    tags = ["relscout", "relation-extraction", "open-relation-extraction"]
    metadata: dict[str, Any] = {"library_name": "relscout", "tags": tags}
    if license is not None:
        metadata["license"] = license
    run, relations = discovery.run, discovery.relations
    made = {
        "method": run.get("method"),
        "encoder": _public_name(discovery),
        "random seed": run.get("seed"),
        "instances": f"{len(discovery.assignments.instances):,}",
        "relations": f"{len(relations):,}",
        "facts": f"{len(discovery.facts()):,}",
        "entities": f"{len(discovery.entities()):,}",
        "version of relscout": run.get("versions", {}).get("relscout"),
    }
    rows = [
        f"| {relation.id} | {_plain(relation.name)} | {_plain(relation.pattern)} | {relation.size:,} | "
        f"{relation.confidence:.2f} |"
        for relation in relations[:_MOST_RELATIONS]
    ]
    if len(relations) > _MOST_RELATIONS:
        rows.append(f"\n… and {len(relations) - _MOST_RELATIONS:,} more in `relations.jsonl`.")
    rights = (
        f"License: {_plain(license)}."
        if license is not None
        else "No licence is stated. Ask the owner of this repository before you use its sentences."
    )
    return "\n".join(
        [
            f"---\n{yaml.safe_dump(metadata, sort_keys=True)}---\n",
            f"# {_plain(repo.partition('/')[2])}\n",
            "A run of relscout, a library for open relation extraction: relations that were discovered in a corpus, "
            "the facts of this corpus, and the model that finds the relations in new text.\n",
            "## Use\n",
            f'```python\nfrom relscout import Discovery\n\ndiscovery = Discovery.from_hub("{repo}")\n'
            "for fact in discovery.facts()[:10]:\n"
            '    print(fact.head.name, "|", fact.relation, "|", fact.tail.name)\n```\n',
            f"```console\n$ relscout extract hf://{repo} new.txt --out triples.jsonl\n```\n",
            "Loading compares all files with the checksums in `run.json`.\n",
            "## Relations\n",
            "| id | relation | pattern | instances | mean confidence |\n| --- | --- | --- | --- | --- |",
            *rows,
            "\n## How it was made\n",
            "| | |\n| --- | --- |",
            *(f"| {name} | {_plain(str(value))} |" for name, value in made.items() if value is not None),
            f"\n## Licence\n\n{rights} The files contain the sentences of the corpus.\n",
        ]
    )


def _public_name(discovery: Run) -> str:
    name = name_of(discovery.model.encoder)
    return "a local model, which is not part of this repository" if is_local(name) else name


def _is_of_run(name: str) -> bool:
    return name in CONTENTS or name.partition("/")[0] in {MODEL, *SHARDED.values()}


def _local_paths(discovery: Run) -> Iterator[str]:
    """Yield where a run has a path of this machine."""
    yield from (f"'{RUN}' ({key})" for key, text in _texts(discovery.run, ()) if is_local(text))
    model = name_of(discovery.model.encoder)
    if is_local(model):
        yield f"the encoder ({Path(model).name})"
    for instance in discovery.assignments.instances:
        if is_local(instance.source) or is_local(instance.document):
            yield f"the source of the instance {instance.id!r}"


def _texts(value: Any, keys: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield all texts inside a JSON value, each with the keys that lead to it."""
    if isinstance(value, str):
        yield ".".join(keys), value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*keys, str(key)))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, keys)


def is_local(text: str) -> bool:
    """Return whether a text begins with an absolute path, has one after "=", or has one in the home directory."""
    bare = _URL.sub("", text)
    if _PATH.search(bare):
        return True
    try:
        home = Path.home()
    except RuntimeError:  # there is no home directory
        return False
    return home.parent != home and str(home / "x")[:-1] in bare


def _plain(text: str) -> str:
    """Return a text as Markdown that shows it unchanged, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split())).replace("\\<", "&lt;").replace("\\&", "&amp;")


def _reason(error: BaseException) -> str:
    """Return in one line why the hub did not answer as asked, and what to do."""
    from huggingface_hub import errors

    if isinstance(error, RelscoutError):
        return str(error)
    error = _cause(error)
    status = _status(error)
    if isinstance(error, errors.GatedRepoError):
        return "access must be requested on the page of the repository first"
    if isinstance(error, errors.RevisionNotFoundError):
        return "it has no such revision; expected a branch, a tag or the hash of a commit"
    if status == 401 or isinstance(error, errors.RepositoryNotFoundError):
        return (
            "there is no such repository, or your token gives no access; run 'hf auth login', or set HF_TOKEN"
        )
    if status == 403:
        return "your token does not allow it; create one with the right to write, and run 'hf auth login'"
    if status is not None:
        return f"the hub answered {status} ({_first_line(error)}); try again later"
    if isinstance(error, ValueError):
        return " ".join(str(error).split())
    if isinstance(error, errors.OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, and the cache does not have it; unset it to use the network"
    return f"the hub cannot be reached or broke off ({_first_line(error)}); check the network, and try again"


def _cause(error: BaseException) -> BaseException:
    """Return the error that explains the others: an answer of the hub, or what the library did not wrap itself."""
    from huggingface_hub import errors

    wrappers = (errors.LocalEntryNotFoundError, RuntimeError)
    while _status(error) is None and isinstance(error, wrappers) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _status(error: BaseException) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)


@contextlib.contextmanager
def _without_bars() -> Iterator[None]:
    """Let huggingface_hub draw no bars: the library prints nothing."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")[:200]

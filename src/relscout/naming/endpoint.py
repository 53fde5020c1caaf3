"""Names of relations from a language model, through any endpoint with the API of OpenAI's chat completions.

Nothing is sent unless you ask for it. Of each relation, a few sentences with their marked entities are sent, as the
report shows them, and nothing else. Whatever fails is a note, and the relation keeps its name.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from relscout.core.errors import SettingError
from relscout.core.progress import Progress, silent
from relscout.core.surfaces import composed
from relscout.core.wording import counted, shortened, visible

if TYPE_CHECKING:
    import httpx

#: Environment variable with the key of the endpoint. It is not OPENAI_API_KEY, which must not reach other servers.
KEY_VARIABLE = "RELSCOUT_NAMES_KEY"

_INSTRUCTION = (
    "You name relations between two entities. You are given sentences that express the same relation between a head, "
    'marked as [H: …], and a tail, marked as [T: …]. Answer with a JSON object {"name": "…"} and nothing else. The '
    'name is a phrase of one to six English words in lower case that reads from head to tail, such as "was born in" '
    'or "is the capital of". If the sentences express no common relation, the name is an empty string.'
)
#: Status codes of temporary failures.
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
#: Most words and characters of a name.
_MOST_WORDS, _LONGEST = 12, 80
_LONGEST_WAIT = 30.0
#: Characters that are no part of a name at its ends.
_AROUND = " .\"'"
#: Status codes of servers that refuse one request, for example a long one, and may accept others; and how many in a
#: row are a fault of the endpoint.
_REFUSED, _MOST_REFUSED = frozenset({400, 413, 422}), 3
#: What a reasoning model thought. Some servers leave out the opening tag; an answer that was cut has no closing one.
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)|\A(?:(?!<think>).)*?</think>", re.DOTALL)
#: The words of a pattern around its name.
_ENDS = re.compile(r"\AHEAD\b|\bTAIL\Z")
#: Why relations were not named that were left when the user interrupted.
INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class NamingEndpoint:
    """An endpoint that names relations.

    Raises:
        SettingError: A value is invalid.
    """

    url: str
    """Base URL, such as ``http://localhost:8000/v1``, to which ``/chat/completions`` is added unless it ends so."""
    model: str
    """Name of the model."""
    key: str = field(default="", repr=False)
    """Secret key, sent as a bearer token; by default the environment variable ``RELSCOUT_NAMES_KEY``, if it is set."""
    timeout: float = 60.0
    """Seconds without an answer after which an attempt fails, above 0."""
    attempts: int = 3
    """Attempts for each relation, at least 1."""
    wait: float = 1.0
    """Seconds before the second attempt, at least 0; doubled before each further one."""

    def __post_init__(self) -> None:
        import httpx

        try:
            parsed = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise SettingError(f"the endpoint is {self.url!r}, which is no URL ({error})") from error
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise SettingError(
                f"the endpoint is {self.url!r}; expected a URL such as http://localhost:8000/v1"
            )
        if parsed.userinfo:
            raise SettingError(
                f"the URL of the endpoint at {parsed.host} contains a password, which would be saved with the run; "
                f"set the environment variable {KEY_VARIABLE} instead"
            )
        if not self.model.strip():
            raise SettingError("the endpoint has no model; name one (--names-model NAME)")
        if not self.timeout > 0 or self.attempts < 1 or self.wait < 0:
            raise SettingError(
                f"timeout is {self.timeout}, attempts {self.attempts}, wait {self.wait}; expected above 0, "
                "at least 1, and at least 0"
            )
        if not self.key:
            object.__setattr__(self, "key", os.environ.get(KEY_VARIABLE, ""))

    @property
    def address(self) -> str:
        """The URL that requests are sent to."""
        bare = self.url.rstrip("/")
        return bare if bare.endswith("/chat/completions") else f"{bare}/chat/completions"


class _FailedError(Exception):
    """A relation was not named; the text says why."""


class _UnreachableError(_FailedError):
    """The endpoint will fail for other relations as well."""


class _RefusedError(_FailedError):
    """The endpoint refused the request about one relation."""


@dataclass(frozen=True)
class EndpointNames:
    """What an endpoint answered."""

    names: Mapping[int, str]
    """Number of a relation → its name."""
    failures: Mapping[str, Sequence[int]]
    """Reason → numbers of the relations that were not named for it."""

    @property
    def notes(self) -> list[str]:
        """A note for each reason, and for each name that several relations got."""
        asked = len(self.names) + sum(map(len, self.failures.values()))
        notes = [
            f"{_listed(ids, asked)} kept the name from the sentences: {reason}"
            for reason, ids in self.failures.items()
        ]
        same: defaultdict[str, list[int]] = defaultdict(list)
        for id, name in self.names.items():
            same[name].append(id)
        return notes + [
            f"{counted(len(ids), 'relation')} ({', '.join(map(str, ids))}) got one name, {name!r}"
            for name, ids in same.items()
            if len(ids) > 1
        ]


def _listed(ids: Sequence[int], asked: int) -> str:
    """Return the relations that were not named, of all that were asked for."""
    if len(ids) == asked > 1:
        return f"all {counted(asked, 'relation')}"
    listed = ", ".join(map(str, ids[:5])) + (", …" if len(ids) > 5 else "")
    return f"relation{'s' if len(ids) > 1 else ''} {listed}"


def names_from(
    endpoint: NamingEndpoint, sentences: Mapping[int, Sequence[str]], *, progress: Progress = silent
) -> EndpointNames:
    """Ask for the name of each relation, in one request each, and stop at an endpoint that does not answer.

    An interruption (``KeyboardInterrupt``) stops it as well, with the reason :data:`INTERRUPTED`: the names so far are
    returned.

    Args:
        endpoint: The endpoint.
        sentences: Number of a relation → its sentences, in which ``[H: …]`` marks the head and ``[T: …]`` the tail.
        progress: Called with the number of relations done, stage ``"names"``.

    Returns:
        The names, and why relations have none.
    """
    import httpx

    names: dict[int, str] = {}
    failures: dict[str, list[int]] = {}
    headers = {"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
    stop, refused = "", 0
    try:
        # a redirection could lead the sentences to another server
        with httpx.Client(timeout=endpoint.timeout, headers=headers, follow_redirects=False) as client:
            for done, (id, shown) in enumerate(sentences.items()):
                progress("names", done, len(sentences))
                try:
                    names[id] = _name_of(_answer(client, endpoint, shown))
                    refused = 0
                except _FailedError as error:
                    reason = str(error)
                    failures.setdefault(reason, []).append(id)
                    refused = refused + 1 if isinstance(error, _RefusedError) else 0
                    if isinstance(error, _UnreachableError) or refused == _MOST_REFUSED:
                        stop = reason
                        break
            progress("names", len(sentences), len(sentences))
    except KeyboardInterrupt:
        stop = INTERRUPTED
    failed = {id for ids in failures.values() for id in ids}
    if left := [id for id in sentences if id not in names and id not in failed]:
        failures.setdefault(stop, []).extend(left)
    return EndpointNames(names, failures)


def _answer(client: httpx.Client, endpoint: NamingEndpoint, sentences: Sequence[str]) -> str:
    """Return the text of the answer about one relation.

    Raises:
        _FailedError: There is none.
    """
    import httpx

    body = {
        "model": endpoint.model,
        "temperature": 0,
        "messages": [
            {"role": "system", "content": _INSTRUCTION},
            {"role": "user", "content": "\n".join(f"{n}. {text}" for n, text in enumerate(sentences, 1))},
        ],
    }
    host = httpx.URL(endpoint.url).host
    problem = ""
    for attempt in range(endpoint.attempts):
        if attempt:
            time.sleep(min(endpoint.wait * 2 ** (attempt - 1), _LONGEST_WAIT))
        try:
            response = client.post(endpoint.address, json=body)
        except httpx.TimeoutException:
            problem = f"{host} did not answer within {endpoint.timeout:g} s"
            continue
        except (httpx.HTTPError, ValueError) as error:
            problem = f"{host} cannot be reached ({str(error) or type(error).__name__})"
            continue
        if response.status_code in _PASSING:
            problem = f"{host} answered with status {response.status_code}{_reason(response)}"
            continue
        if response.status_code in (401, 403):
            advice = f"is the key in {KEY_VARIABLE} right?" if endpoint.key else f"set {KEY_VARIABLE}"
            raise _UnreachableError(
                f"{host} refused access with status {response.status_code}{_reason(response)}; {advice}"
            )
        if response.is_redirect and "location" in response.headers:
            target = shortened(visible(response.headers["location"]), 200)
            raise _UnreachableError(
                f"{host} redirects to {target} with status {response.status_code}, which is not followed; give the "
                "URL of the endpoint itself"
            )
        if not response.is_success:
            kind = _RefusedError if response.status_code in _REFUSED else _UnreachableError
            raise kind(
                f"{host} answered with status {response.status_code}{_reason(response)}; are the URL and the model "
                f"{endpoint.model!r} right?"
            )
        return _content(response)
    raise _UnreachableError(f"{problem}, in {counted(endpoint.attempts, 'attempt')}")


def _reason(response: httpx.Response) -> str:
    """Return what a server says about an error, in brackets."""
    try:
        error = response.json()["error"]
        text = error["message"] if isinstance(error, Mapping) else error
    except (ValueError, KeyError, TypeError):
        return ""
    return f" ({shortened(visible(str(text)), 200)})"


def _content(response: httpx.Response) -> str:
    try:
        choice = response.json()["choices"][0]
        message = choice["message"]
        refusal, content = message.get("refusal"), message.get("content")
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise _FailedError("the answer is not that of a chat completion") from error
    if refusal or choice.get("finish_reason") == "content_filter":
        raise _FailedError("the model refused to answer")
    if not isinstance(content, str) or not content.strip():
        raise _FailedError("the answer is empty")
    return content


def _name_of(answer: str) -> str:
    """Return the name in an answer: ``{"name": …}``, with anything around it.

    Raises:
        _FailedError: There is none, or it is no name.
    """
    record = _last_record(_THOUGHT.sub("", answer))
    if record is None:
        raise _FailedError('the answer is not the JSON object {"name": "…"}')
    name = record["name"]
    if not isinstance(name, str):
        raise _FailedError("the name in the answer is not a text")
    if visible(name).count("·") > name.count("·"):
        raise _FailedError("the name in the answer contains characters that cannot be printed")
    name = " ".join(name.split()).strip(_AROUND)
    name = composed(_ENDS.sub("", name).strip(_AROUND))
    if not name:
        raise _FailedError("the model saw no common relation in the sentences")
    if len(name.split()) > _MOST_WORDS or len(name) > _LONGEST:
        raise _FailedError(
            f"the name in the answer is longer than {_MOST_WORDS} words or {_LONGEST} characters"
        )
    return name


def _last_record(answer: str) -> dict[str, Any] | None:
    """Return the last JSON object with a name, which may have any text around it; ``None`` without one."""
    last, position = None, answer.find("{")
    while position >= 0:
        try:
            record, end = json.JSONDecoder().raw_decode(answer, position)
        except (ValueError, RecursionError):
            end = position + 1
        else:
            last = record if "name" in record else last
        position = answer.find("{", end)
    return last

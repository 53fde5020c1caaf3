"""A run as a service: ``relscout serve`` answers over HTTP what ``relscout extract`` writes to files.

:mod:`~relscout.serve.extraction` answers several requests in one pass, :mod:`~relscout.serve.batching` collects the
requests that wait, :mod:`~relscout.serve.guard` refuses what is too large or comes from elsewhere,
:mod:`~relscout.serve.api` is the interface, and :mod:`~relscout.serve.server` listens.
:mod:`~relscout.serve.spacy_component` is a run in a spaCy pipeline.
"""

from __future__ import annotations

from dataclasses import dataclass

from relscout.core.errors import MissingExtraError, SettingError


@dataclass(frozen=True)
class Limits:
    """What a server accepts.

    Raises:
        SettingError: A limit is not above 0.
    """

    body: int = 1_000_000
    """Largest body of a request in bytes."""
    characters: int = 100_000
    """Longest text in characters; for pairs, all their texts together."""
    records: int = 256
    """Most pairs in a request."""
    queue: int = 128
    """Most requests that wait; more get 429."""
    wait: float = 5.0
    """Longest time in seconds that a request may be expected to wait for others; more get 429."""
    batch: int = 16
    """Most requests that are encoded together. More make no request cheaper, and each wait for the others."""
    timeout: float = 30.0
    """Seconds until a request that has no answer gets 504."""
    patience: float = 10.0
    """Seconds in which a client must send the head of a request, and then its body."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise SettingError(f"the limit {name} is {value}; expected a number above 0")


def check_installed() -> None:
    """Check that the libraries of the server are installed.

    Raises:
        MissingExtraError: One is not.
    """
    try:
        import fastapi  # noqa: F401
        import h11  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("serving a run over HTTP", "serve") from error

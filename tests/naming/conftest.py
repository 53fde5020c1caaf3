"""The pipeline that parses the sentences of these tests, loaded once."""

from __future__ import annotations

import pytest

from relscout.text.spacy_pipeline import SpacyPipeline


@pytest.fixture(scope="session")
def pipeline() -> SpacyPipeline:
    """The default pipeline for plain text."""
    return SpacyPipeline.load()

from __future__ import annotations

import re
import sys
import time

import numpy as np
import pytest

from relscout.discovery import versions
from relscout.lab.records import commit, date, machine, measured


def test_time_is_that_of_the_block():
    with measured() as cost:
        time.sleep(0.02)
    assert 0.02 <= cost.seconds < 5


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a block is told by Linux only")
def test_peak_memory_is_that_of_the_block():
    with measured() as small:
        pass
    with measured() as large:
        np.ones(20_000_000)
    with measured() as small_again:
        pass
    assert large.peak_mib > small.peak_mib + 120
    assert small_again.peak_mib < large.peak_mib - 120


def test_a_block_that_fails_fails():
    with pytest.raises(ZeroDivisionError), measured():
        1 / 0  # noqa: B018


def test_a_commit_is_a_short_hash_or_unknown():
    assert re.fullmatch(r"[0-9a-f]{7,}\+?|unknown", commit())


def test_the_machine_is_told():
    assert machine().keys() == {"processor", "cores", "system"}


def test_a_date_is_written_year_first():
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", date())


def test_versions_are_of_python_and_what_is_asked_for():
    found = versions("numpy", "no-such-package")
    assert found["numpy"] == np.__version__
    assert found["no-such-package"] == "unknown"
    assert found["python"].startswith("3.")

"""All data sets by name."""

from __future__ import annotations

from relscout.datasets.description import DataSet
from relscout.datasets.on_request import ON_REQUEST
from relscout.datasets.published import PUBLISHED
from relscout.errors import UnknownNameError

#: Name → data set.
DATASETS: dict[str, DataSet] = {known.name: known for known in (*PUBLISHED, *ON_REQUEST)}


def dataset(name: str) -> DataSet:
    """Return what is known of a data set.

    Raises:
        UnknownNameError: There is none of that name.
    """
    if name not in DATASETS:
        raise UnknownNameError("data set", name, DATASETS)
    return DATASETS[name]

"""Public data sets: catalogue, licences and downloads."""

from __future__ import annotations

from relscout.io.datasets.catalogue import DATASETS, DataFile, DataSet, dataset
from relscout.io.datasets.download import ClientSettings
from relscout.io.datasets.obtain import available, data_folder, get

__all__ = ["DATASETS", "ClientSettings", "DataFile", "DataSet", "available", "data_folder", "dataset", "get"]

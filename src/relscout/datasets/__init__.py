"""Public data sets: which there are, where they are published, under what terms, and how to get them."""

from __future__ import annotations

from relscout.datasets.description import DataFile, DataSet
from relscout.datasets.download import ClientSettings
from relscout.datasets.folder import data_folder
from relscout.datasets.obtain import available, get
from relscout.datasets.registry import DATASETS, dataset

__all__ = ["DATASETS", "ClientSettings", "DataFile", "DataSet", "available", "data_folder", "dataset", "get"]

from __future__ import annotations

import pytest

from relscout.core.errors import SettingError
from relscout.methods.estimator import check_labels


def test_a_method_without_labels_refuses_some() -> None:
    check_labels("kmeans", "none", given=False)
    with pytest.raises(SettingError, match="method 'kmeans' cannot learn from labelled instances"):
        check_labels("kmeans", "none", given=True)


def test_a_method_that_needs_labels_says_what_to_give() -> None:
    check_labels("rocore", "required", given=True)
    with pytest.raises(SettingError, match=r"'rocore' learns from .*; give some \(--labeled FILE"):
        check_labels("rocore", "required", given=False)

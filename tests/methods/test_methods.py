from __future__ import annotations

import pytest

from relscout.core.errors import UnknownNameError
from relscout.methods import METHODS, method


@pytest.mark.parametrize("name", METHODS)
def test_the_table_says_where_a_method_is(name: str) -> None:
    found = method(name)
    module, _, attribute = METHODS[name].partition(":")
    assert found.__name__ == attribute
    assert f"{found.__module__}.".startswith(f"{module}."), "in that file, or in a file of that folder"


def test_an_unknown_method_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown method 'kmean': did you mean 'kmeans'"):
        method("kmean")

"""For mkdocstrings: docstrings are written for any reader; here Sphinx's marks in them become Markdown."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension

#: ``:class:`~package.Name``` → the name alone, as code.
_ROLE = re.compile(r":(?:class|func|meth|data|attr|mod|exc):`~?(?:[\w.]*\.)?(\w+)`")
_TWO_DOTS = re.compile(r"^::$", re.MULTILINE)


class Roles(Extension):
    """Rewrites every docstring before it is parsed."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Rewrite the docstring of one object."""
        if obj.docstring:
            obj.docstring.value = _TWO_DOTS.sub("", _ROLE.sub(r"`\1`", obj.docstring.value))

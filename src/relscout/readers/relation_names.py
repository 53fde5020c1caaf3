"""Readable names in place of relation identifiers, such as Wikidata's ``P177`` → ``crosses``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from relscout.errors import InputError
from relscout.instances import RelationInstance


@dataclass(frozen=True)
class RelationNames:
    """A table of relation identifiers and their names; what it does not list keeps its identifier."""

    names: Mapping[str, str]

    @classmethod
    def load(cls, path: Path) -> RelationNames:
        """Read ``{identifier: name}`` or ``{identifier: [name, description]}`` (FewRel's ``pid2name``).

        Raises:
            InputError: The file is missing, not JSON or of another shape.
        """
        try:
            table = json.loads(path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error
        except ValueError as error:
            raise InputError(f"{path}: not a JSON file ({error})") from error
        shape = "expected a JSON object {identifier: name} or {identifier: [name, description]}"
        if not isinstance(table, dict):
            raise InputError(f"{path}: got a JSON {type(table).__name__}; {shape}")
        names = {}
        for identifier, entry in table.items():
            name = entry[0] if isinstance(entry, list) and entry else entry
            if not isinstance(name, str):
                raise InputError(f"{path}: {identifier!r} maps to {entry!r}; {shape}")
            names[identifier] = name
        return cls(names)

    def rename(self, instance: RelationInstance) -> RelationInstance:
        """Return the instance with the name of its gold relation in place of the identifier."""
        name = self.names.get(instance.relation or "")
        return instance if name is None else replace(instance, relation=name)

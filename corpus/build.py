"""Build the bundled corpus from the sentences in ``corpus/*.txt``.

Each file holds headings ``## relation`` and, below each, one sentence a line in which the two entities are marked::

    ## place of birth
    {h:PERSON|Marie Curie} was born in {t:CITY|Warsaw} in 1867.

``h`` marks the head, ``t`` the tail; the word behind it is the entity type. Run ``python corpus/build.py`` after
any change; ``python corpus/build.py --check FILE …`` only checks.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE.parent / "src" / "relscout" / "data" / "corpus.jsonl.gz"
MARK = re.compile(r"\{([ht]):([A-Z_]+)\|([^{}|]+)\}")


def parse(line: str) -> dict[str, object]:
    """Turn one marked sentence into a record with text and character offsets."""
    roles: dict[str, dict[str, object]] = {}
    text, position = "", 0
    for match in MARK.finditer(line):
        text += line[position : match.start()]
        role, kind, surface = match.groups()
        if role in roles:
            raise ValueError(f"two marks for {role}: {line}")
        roles[role] = {"start": len(text), "end": len(text) + len(surface), "type": kind}
        text += surface
        position = match.end()
    text += line[position:]
    if set(roles) != {"h", "t"} or set("{}|") & set(text):
        raise ValueError(f"expected one {{h:TYPE|…}} and one {{t:TYPE|…}}: {line}")
    return {"text": text, "head": roles["h"], "tail": roles["t"]}


def records(paths: list[Path]) -> Iterator[dict[str, object]]:
    """Yield the records of all files in order, checked for duplicates."""
    seen: set[str] = set()
    for path in paths:
        relation = None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            line = line.strip()
            if line.startswith("## "):
                relation = line[3:]
            elif line:
                if relation is None:
                    raise ValueError(f"{path.name}:{number}: a sentence before the first heading")
                try:
                    record = parse(line)
                except ValueError as error:
                    raise ValueError(f"{path.name}:{number}: {error}") from error
                key = json.dumps(record)
                if key in seen:
                    raise ValueError(f"{path.name}:{number}: a duplicate: {record['text']}")
                seen.add(key)
                yield {**record, "relation": relation}


def main() -> int:
    """Build or check, and print the counts."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("files", nargs="*", type=Path)
    arguments.add_argument("--check", action="store_true")
    options = arguments.parse_args()
    paths = options.files or sorted(HERE.glob("*.txt"))
    built = list(records(paths))
    for relation, count in Counter(str(record["relation"]) for record in built).items():
        tail_first = sum(
            record["tail"]["start"] < record["head"]["start"]  # type: ignore[index]
            for record in built
            if record["relation"] == relation
        )
        print(f"{count:5d}  {relation}  (tail first in {tail_first})")
    print(f"{len(built):5d}  in all")
    if not options.check:
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in built)
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_bytes(gzip.compress(lines.encode("utf-8"), mtime=0))
        print(f"wrote {TARGET.relative_to(HERE.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from relscout.encoders.settings import learnt_note, learnt_relations


def saved(folder: Path, *, base: str | None = None, **made: Any) -> str:
    folder.mkdir()
    told = {"format": 1, "read_by": {}, "made": made}
    (folder / "relscout.json").write_text(json.dumps(told))
    if base is not None:
        adapter = {"peft_type": "LORA", "r": 1, "lora_alpha": 1, "base_model_name_or_path": base}
        (folder / "adapter_config.json").write_text(json.dumps(adapter))
    return str(folder)


def test_relations_are_those_of_the_encoder_and_of_all_that_it_was_made_from(tmp_path: Path) -> None:
    first = saved(tmp_path / "first", relations=["spouse"], encoder="minilm")
    second = saved(tmp_path / "second", base=first, relations=["orbits"])
    third = saved(tmp_path / "third", objective="cp", encoder=second)
    assert learnt_relations(third) == {"spouse", "orbits"}
    assert learnt_relations("minilm") == learnt_relations("an-organisation/a-model") == frozenset()


def test_folders_that_name_each_other_come_to_an_end(tmp_path: Path) -> None:
    one = saved(tmp_path / "one", relations=["spouse"], encoder=str(tmp_path / "two"))
    two = saved(tmp_path / "two", relations=["orbits"], encoder=one)
    assert learnt_relations(two) == {"spouse", "orbits"}


def test_the_bundled_adapter_tells_what_of_the_scored_it_has_learnt() -> None:
    note = learnt_note("relation", ["composer", "composer", "never seen anywhere"])
    assert note == "the encoder 'relation' has learnt 1 of the 2 scored relations from labels"
    assert learnt_note("relation", ["never seen anywhere"]) is None
    assert learnt_note("minilm", ["composer"]) is None

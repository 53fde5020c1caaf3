from __future__ import annotations

import pytest
import torch

from relscout.encoders.pooling import NO_TYPE, codes_read, directions_of, type_code, type_codes


def test_codes_tell_types_apart_and_no_type_from_all() -> None:
    codes = {type_code(name) for name in ("PERSON", "person", "ORG", "", "\ud800")}
    assert len(codes) == 5
    assert type_code(None) == NO_TYPE
    assert NO_TYPE not in codes
    assert all(0 < code < 2**63 for code in codes)


def test_directions_are_the_same_on_every_machine() -> None:
    found = directions_of(torch.tensor([[type_code("PERSON"), NO_TYPE]]), 8)
    assert torch.sign(found[0]).tolist() == [-1, 1, -1, -1, -1, 1, -1, 1, *[0] * 8]
    torch.testing.assert_close(found.abs()[0, :8], torch.full((8,), 0.25))


def test_directions_of_different_types_are_nearly_at_right_angles() -> None:
    names = ["PERSON", "ORG", "GPE", "DATE", "WORK", "EVENT"]
    codes = torch.tensor([[type_code(name), NO_TYPE] for name in names])
    found = torch.nn.functional.normalize(directions_of(codes, 384), dim=1)
    cosines = found @ found.T - torch.eye(len(names))
    assert float(cosines.abs().max()) < 0.2


def read(part: str, *tags: tuple[str | None, str | None]) -> torch.Tensor:
    codes = torch.tensor([type_codes(head, tail) for head, tail in tags])
    assert codes.shape == (len(tags), 4)
    return directions_of(codes_read(part, codes), 64)


@pytest.mark.parametrize("tags", [("PERSON", "PER"), ("GPE", "LOC"), ("CITY", "location"), ("DATE", "TIME")])
def test_tags_of_one_coarse_type_have_one_direction(tags: tuple[str, str]) -> None:
    one, other = read("coarse-types", *((tag, tag) for tag in tags))
    assert torch.equal(one, other)
    fine = read("types", *((tag, tag) for tag in tags))
    assert not torch.equal(fine[0], fine[1])


def test_coarse_types_have_directions_of_their_own() -> None:
    tags = ("PERSON", "ORG", "GPE", "DATE", "WORK_OF_ART", "EVENT", "NORP", "CARDINAL", "MISC")
    found = read("coarse-types", *((tag, None) for tag in tags))
    assert len({tuple(one.tolist()) for one in found}) == len(tags)
    # the coarse type is no tag, so that it has not that one's direction either
    assert not torch.equal(read("coarse-types", ("PER", None)), read("types", ("PER", None)))


def test_an_entity_without_a_type_has_no_coarse_type() -> None:
    assert type_codes(None, None) == (NO_TYPE,) * 4
    found = read("coarse-types", (None, "PERSON"))
    assert not found[0, :64].any()
    assert found[0, 64:].any()
    unknown = read("coarse-types", ("WIDGET", "MISC"))
    assert torch.equal(unknown[0, :64], unknown[0, 64:])

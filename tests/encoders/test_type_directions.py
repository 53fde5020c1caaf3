from __future__ import annotations

import torch

from relscout.encoders.type_directions import NO_TYPE, directions_of, type_code


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

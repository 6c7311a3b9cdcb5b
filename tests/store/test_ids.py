"""Ids as people write them."""

from __future__ import annotations

import pytest

from assay.errors import InputError
from assay.store.ids import find_id, short_ids

NEWEST = "LIQUIDITY_SWEEP_V3_20261130_075415_cea43d"
KNOWN = [
    NEWEST,
    "LIQUIDITY_SWEEP_V3_20261130_075405_f10cb7",
    "SUPPLY_SHOCK_V3_20261130_075405_7c60e2",
    "RISING_V3_20261129_120000_f10cb7",
]
JOBS = ["f3516587-1b8e-4745-a565-36798e2b1784", "f3516587-2222-4745-a565-36798e2b1784", "0a516587-1b8e"]


def find(text: str) -> str:
    return find_id(text, KNOWN, "configuration", absent="is not in the registry")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (KNOWN[1], 1), ("last", 0), ("LAST", 0), ("cea43d", 0), ("CEA43D", 0), ("075415_cea43d", 0), ("SUPPLY", 2),
        ("rising_v3", 3), ("LIQUIDITY_SWEEP_V3_20261130_07541", 0), ("075405_f10cb7", 1), (" 7c60e2 ", 2),
    ],
)  # fmt: skip
def test_a_part_that_only_one_has_stands_for_it(text: str, found: int) -> None:
    assert find(text) == KNOWN[found]


def test_what_several_or_none_have_is_refused_with_names() -> None:
    with pytest.raises(InputError, match=rf"'LIQ' fits 2 configurations: {NEWEST}, {KNOWN[1]}$"):
        find("LIQ")
    with pytest.raises(InputError, match=f"{KNOWN[1]}, {KNOWN[3]}"):
        find("f10cb7")
    with pytest.raises(InputError, match=f"is not in the registry, got .*Did you mean '{NEWEST}'"):
        find(NEWEST[:-1] + "0")
    with pytest.raises(InputError, match="Did you mean 'cea43d'"):
        find("cea43e")
    for text in ("zzz", "", "ea43d"):
        with pytest.raises(InputError, match=f"The newest are {NEWEST}, |Did you mean"):
            find(text)
    with pytest.raises(InputError, match=r"job: there is none yet$"):
        find_id("last", [], "job", absent="is unknown")
    assert find_id("last", ["last", "other"], "job", absent="is unknown") == "last"


def test_a_short_id_is_found_again() -> None:
    for ids in (KNOWN, JOBS):
        short = short_ids(ids)
        assert len(set(short.values())) == len(ids)
        assert all(find_id(text, ids, "id", absent="is unknown") == one for one, text in short.items())
        assert all(len(text) >= 6 for text in short.values())
    assert short_ids(KNOWN)[NEWEST] == "cea43d"
    assert short_ids(KNOWN)[KNOWN[3]] == "_f10cb7" or short_ids(KNOWN)[KNOWN[3]].endswith("0_f10cb7")
    assert short_ids(JOBS)[JOBS[2]] == "0a516587"
    assert short_ids(JOBS)[JOBS[0]] == "f3516587-1"

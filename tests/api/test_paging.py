"""Cursors of listings: whatever a client makes of one is refused before a database hears of it."""

from __future__ import annotations

from typing import Any

import pytest

from assay.api.paging import decode_cursor, encode_cursor
from assay.errors import InputError


def test_a_cursor_comes_back_as_it_was() -> None:
    assert decode_cursor(encode_cursor(-5, "née", 2**63 - 1), int, str, int) == (-5, "née", 2**63 - 1)
    assert decode_cursor(None, int) is None


@pytest.mark.parametrize(
    "place", [(2**63, "x"), (-(10**30), "x"), (1, "a\0"), (1, "\ud800"), (True, "x"), (1,), ("1", "x")]
)
def test_what_no_database_can_be_asked_for_is_no_cursor(place: tuple[Any, ...]) -> None:
    with pytest.raises(InputError, match="must be the next_cursor of a page before"):
        decode_cursor(encode_cursor(*place), int, str)

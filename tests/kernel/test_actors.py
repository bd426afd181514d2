"""Kinds of actors, derived ids, and what the system may be granted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from fieldapp.kernel import ids
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.grants import SYSTEM, join

DUE = datetime(2026, 11, 29, 10, tzinfo=UTC)


def test_a_derived_id_is_the_same_on_every_server_and_for_ever() -> None:
    one = ids.derived_id(DUE, "deadline.warn", "job:1", "2026-11-29")
    assert str(one) == "01a226bf-4900-8624-a079-853e53db4ac8"
    assert one == ids.derived_id(DUE, "deadline.warn", "job:1", "2026-11-29")
    assert ids.is_uuid_of(str(one), 8)
    assert not ids.is_uuid_of(str(one), 7)


def test_derived_ids_differ_by_each_part_and_sort_by_their_time() -> None:
    parts = [("a", "b", "c"), ("ab", "", "c"), ("a", "bc", ""), ("a", "b", "d"), ("b", "a", "c")]
    found = {ids.derived_id(DUE + timedelta(milliseconds=n), *one) for n in range(3) for one in parts}
    assert len(found) == 3 * len(parts)
    by_time = [ids.derived_id(DUE + timedelta(milliseconds=n), "a", "b", "c") for n in range(3)]
    assert by_time == sorted(by_time)
    assert by_time[0].int >> 80 == int(DUE.timestamp() * 1000)


def test_what_is_no_uuid_has_no_version() -> None:
    made = str(ids.uuid7())
    assert ids.is_uuid_of(made, 7)
    for wrong in (made.upper(), f"{{{made}}}", None, 7, "", str(UUID(int=8 << 76))):
        assert not ids.is_uuid_of(wrong, 7)
        assert not ids.is_uuid_of(wrong, 8)


@pytest.mark.parametrize("kind", ["system", "link", "token"])
def test_only_people_hold_roles_and_see_all_groups(kind: str) -> None:
    assert not Actor(9, "", "", kind=kind).sees_all_groups  # type: ignore[arg-type]
    for held in ({"roles": frozenset({"manager"})}, {"groups": frozenset({1})}, {"leads": frozenset({1})}):
        with pytest.raises(ValueError, match="only people"):
            Actor(9, "", "", kind=kind, **held)  # type: ignore[arg-type]


def test_the_system_holds_what_features_grant_it_and_decides_about_nobody() -> None:
    verbs = ["deadline.warn", "claim.approve"]
    grants = join([{SYSTEM: ("deadline.warn",)}], ["leader"], verbs)
    assert grants.by_role[SYSTEM] == {"deadline.warn"}
    # A person who is said to hold this role gets nothing by it.
    assert grants.verbs_of(["leader", SYSTEM]) == frozenset()
    with pytest.raises(RuntimeError, match="D-AUD-5"):
        join([{SYSTEM: ("claim.approve",)}], ["leader"], verbs)

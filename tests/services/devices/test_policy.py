"""Who oversees whose phones: roles × owners."""

from __future__ import annotations

import pytest

from fieldapp.kernel.actor import Actor
from fieldapp.services.devices.policy import may_manage, oversees, sees_all

ROLES = ("technician", "leader", "finance", "agent", "manager", "purchasing", "executive", "hr", "quality", "admin")


def person(role: str, active: bool = True) -> Actor:
    leads = frozenset({1}) if role == "leader" else frozenset()
    return Actor(7, role, role, roles=frozenset({role}), groups=frozenset({1}), leads=leads, active=active)


@pytest.mark.parametrize("role", ROLES)
def test_who_oversees_whose_phones(role: str) -> None:
    actor = person(role)
    assert sees_all(actor) is (role in {"manager", "admin"})
    assert oversees(actor, {1}) is (role in {"leader", "manager", "admin"})
    assert oversees(actor, {2}) is (role in {"manager", "admin"})
    assert oversees(actor, set()) is (role in {"manager", "admin"})
    assert may_manage(actor, 7, set()), "one's own"
    assert may_manage(actor, 8, {1}) is oversees(actor, {1})


@pytest.mark.parametrize("role", ROLES)
def test_closed_account_oversees_nobody(role: str) -> None:
    assert not oversees(person(role, active=False), {1, 2})

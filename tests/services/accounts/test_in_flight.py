"""Changes between the check of a password and the session that it begins."""

from __future__ import annotations

from threading import Barrier, Event, Thread
from typing import Any
from unittest.mock import patch

import pytest

from fieldapp.platform.commandbus import writing
from fieldapp.services.accounts import passwords, resets
from fieldapp.services.accounts import session as sessions
from tests.support.bench import PASSWORD, Bench

NEW = "rain on a tin roof"


@pytest.fixture
def reset_while_checking(bench: Bench) -> Any:
    """Change the password of `tech` after the comparison and before the session begins."""
    compare = passwords.matches

    def and_reset(password: str, kept: str) -> bool:
        agrees = compare(password, kept)
        with writing() as session:
            resets.change_password(session, bench.cast.tech.id, passwords.hash_password(NEW), None)
        return agrees

    return patch.object(sessions, "matches", and_reset)


def test_a_log_in_with_the_old_password_does_not_outlive_a_reset(bench: Bench, reset_while_checking: Any) -> None:
    client = bench.app.test_client()
    with reset_while_checking:
        answer = client.post("/login", data={"username": "tech", "password": PASSWORD})
    assert answer.status_code == 422
    assert client.get("/me").status_code == 302


def test_a_change_by_the_old_password_does_not_undo_a_reset(bench: Bench, reset_while_checking: Any) -> None:
    client = bench.client_of(bench.cast.tech)
    with reset_while_checking:
        answer = client.post("/me/password", data={"present": PASSWORD, "new": "wind in the wires"})
    assert answer.status_code in {302, 422}
    fresh = bench.app.test_client()
    assert fresh.post("/login", data={"username": "tech", "password": "wind in the wires"}).status_code == 422
    assert fresh.post("/login", data={"username": "tech", "password": NEW}).status_code == 303


def test_password_checks_are_limited_and_further_sign_ins_get_503(bench: Bench) -> None:
    go_on, inside = Event(), Barrier(sessions.MAX_CHECKS + 1)
    compare = passwords.matches

    def slowly(password: str, kept: str) -> bool:
        inside.wait(30)
        go_on.wait(30)
        return compare(password, kept)

    def check_one() -> None:
        bench.app.test_client().post("/login", data={"username": "nobody", "password": "x"})

    with patch.object(sessions, "matches", slowly), patch.object(sessions, "CHECK_TIMEOUT", 0.01):
        held = [Thread(target=check_one) for _ in range(sessions.MAX_CHECKS)]
        for thread in held:
            thread.start()
        inside.wait(30)
        answer = bench.app.test_client().post("/login", data={"username": "tech", "password": PASSWORD})
        go_on.set()
        for thread in held:
            thread.join()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, str(sessions.RETRY_AFTER))
    assert bench.app.test_client().post("/login", data={"username": "tech", "password": PASSWORD}).status_code == 303

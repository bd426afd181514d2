"""Wrong passwords are throttled, right ones never (ADR 29, ASVS 6.3.1)."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from fieldapp.kernel import clock
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import throttle
from fieldapp.services.accounts.models import KnownBrowser, LoginBucket, User
from fieldapp.services.accounts.sessions import digest
from tests.support.audit import logged
from tests.support.bench import PASSWORD, Bench


class Clock:
    """Clock that the test moves."""

    def __init__(self) -> None:
        self.at: datetime = clock.now()

    def __call__(self) -> datetime:
        return self.at

    def on(self, **by: float) -> None:
        self.at += timedelta(**by)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(clock, "now", moved)
    return moved


def attempt(
    bench: Bench, password: str, username: str = "tech", address: str = "203.0.113.7", client: FlaskClient | None = None
) -> Any:
    client = client or bench.app.test_client()
    data = {"username": username, "password": password}
    english = {"Accept-Language": "en"}
    return client.post("/login", data=data, headers=english, environ_overrides={"REMOTE_ADDR": address})


def audit_entries(bench: Bench, action: str) -> int:
    with bench.app.app_context():
        query = select(func.count()).select_from(AuditEntry).where(AuditEntry.action == action)
        return int(db.session.scalar(query) or 0)


def test_the_wait_grows_from_the_fifth_wrong_try(bench: Bench, time: Clock) -> None:
    for _ in range(4):
        assert attempt(bench, "wrong").status_code == 422
    for wait in (2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900):
        assert attempt(bench, "wrong").status_code == 422
        refused = attempt(bench, PASSWORD)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, str(wait))
        time.on(seconds=wait)
    assert attempt(bench, PASSWORD).status_code == 303


def test_spellings_of_one_name_are_counted_together(bench: Bench, time: Clock) -> None:
    for name in ("tech", "Tech", "TECH", "tecH", "teCh"):
        attempt(bench, "wrong", name)
    assert attempt(bench, PASSWORD).status_code == 429


def test_the_page_says_in_words_how_long(bench: Bench, time: Clock) -> None:
    for _ in range(6):
        attempt(bench, "wrong")
        time.on(seconds=2)
    page = attempt(bench, PASSWORD).text
    assert "Too many wrong passwords. Please try again in 2 seconds." in page
    assert 'value="tech"' in page
    assert PASSWORD not in page


def persistent(bench: Bench, *about: str) -> int:
    """Retry until the server has a free slot for the password check."""
    while (status := attempt(bench, *about).status_code) == 503:
        pass
    return int(status)


def test_forty_parallel_guesses_are_all_counted(bench: Bench, time: Clock) -> None:
    with ThreadPoolExecutor(10) as pool:
        answers = Counter(pool.map(lambda n: persistent(bench, f"guess {n}"), range(40)))
    assert answers == {422: 5, 429: 35}


def test_forty_people_at_once_behind_one_address_all_get_in(bench: Bench) -> None:
    names = [bench.cast.tech, bench.cast.tech2, bench.cast.leader, bench.cast.finance, bench.cast.admin]
    with ThreadPoolExecutor(5) as pool:
        for _ in range(8):
            answers = list(pool.map(lambda person: persistent(bench, PASSWORD, person.username), names))
            assert answers == [303] * 5


def test_right_passwords_never_hit_a_limit(bench: Bench) -> None:
    assert {attempt(bench, PASSWORD).status_code for _ in range(30)} == {303}
    with bench.app.app_context():
        assert db.session.scalar(select(func.max(LoginBucket.failed))) == 0


def test_right_password_resets_the_counter(bench: Bench) -> None:
    for _ in range(3):
        for _ in range(4):
            assert attempt(bench, "wrong").status_code == 422
        assert attempt(bench, PASSWORD).status_code == 303


def test_guessing_at_one_account_leaves_the_others_behind_the_address_alone(bench: Bench, time: Clock) -> None:
    for _ in range(6):
        attempt(bench, "wrong")
    assert attempt(bench, PASSWORD).status_code == 429
    assert attempt(bench, PASSWORD, "tech2").status_code == 303
    assert attempt(bench, PASSWORD, address="198.51.100.1").status_code == 303


def test_guessing_from_many_addresses_is_slowed_down_for_the_account(bench: Bench, time: Clock) -> None:
    answers = [attempt(bench, "wrong", address=f"198.51.100.{n}").status_code for n in range(72)]
    assert Counter(answers) == {422: 20, 429: 52}


def test_a_browser_that_signed_in_before_is_not_kept_out_by_others(bench: Bench, time: Clock) -> None:
    own = bench.app.test_client()
    assert attempt(bench, PASSWORD, client=own).status_code == 303
    own.post("/logout")
    for n in range(40):
        attempt(bench, "wrong", address=f"198.51.100.{n}")
    for _ in range(6):
        attempt(bench, "wrong")
    assert attempt(bench, PASSWORD).status_code == 429
    assert attempt(bench, PASSWORD, client=own).status_code == 303


def test_a_known_browser_is_slowed_down_in_a_bucket_of_its_own(bench: Bench, time: Clock) -> None:
    own = bench.app.test_client()
    attempt(bench, PASSWORD, client=own)
    answers = [attempt(bench, "wrong", client=own).status_code for _ in range(8)]
    assert Counter(answers) == {422: 5, 429: 3}
    # For another account it is a browser like any other.
    assert attempt(bench, "wrong", "tech2", client=own).status_code == 422


def test_the_cookie_of_a_known_browser(bench: Bench) -> None:
    client = bench.app.test_client()
    client.set_cookie("known", "x" * 43)
    for name in ("tech", "tech2"):
        attempt(bench, PASSWORD, name, client=client)
    cookie = client.get_cookie("known")
    assert cookie is not None
    assert cookie.value != "x" * 43, "a value that somebody planted is not taken over"
    assert cookie.http_only
    assert cookie.same_site == "Lax"
    with bench.app.app_context():
        kept = db.session.scalars(select(KnownBrowser)).all()
        assert len(kept) == 2
        assert len({row.hash for row in kept}) == 1
        assert cookie.value not in {row.hash for row in kept}


def test_one_address_that_guesses_at_many_accounts_is_slowed_down_mildly(bench: Bench, time: Clock) -> None:
    answers = [attempt(bench, "Summer2026", f"person{n}").status_code for n in range(110)]
    assert Counter(answers) == {422: 100, 429: 10}
    known_client = bench.app.test_client()
    attempt(bench, PASSWORD, address="198.51.100.1", client=known_client)
    assert attempt(bench, PASSWORD, client=known_client).status_code == 303


def test_failures_expire_after_a_day(bench: Bench, time: Clock) -> None:
    for _ in range(6):
        attempt(bench, "wrong")
        time.on(seconds=3)
    time.on(days=1, hours=1)
    assert [attempt(bench, "wrong").status_code for _ in range(6)] == [422] * 5 + [429]


def without_what_was_typed(text: str, *typed: str) -> str:
    for item in typed:
        text = text.replace(f'value="{item}"', "")
    return re.sub(r'data-rendered="[^"]*"', "", text)


@pytest.mark.parametrize("closed", [False, True])
def test_responses_do_not_reveal_whether_an_account_exists(
    bench: Bench, queries: Any, monkeypatch: Any, time: Clock, closed: bool
) -> None:
    checked: list[str] = []
    note_comparisons(monkeypatch, checked)
    if closed:
        with bench.app.app_context(), writing() as session:
            session.execute(update(User).where(User.username == "tech").values(active=False))
    password = PASSWORD if closed else "wrong"
    # The first audit entry needs additional statements.
    attempt(bench, "wrong", "somebody", "192.0.2.1")
    checked.clear()
    seen = []
    for username in ("tech", "who?"):
        with queries() as q:
            answers = [attempt(bench, password, username, f"198.51.100.{len(seen)}") for _ in range(7)]
        texts = [without_what_was_typed(answer.text, username) for answer in answers]
        seen.append(([answer.status_code for answer in answers], texts, q.count))
    first, second = seen
    assert first[0] == second[0] == [422] * 5 + [429] * 2
    assert first[2] == second[2]
    assert first[1] == second[1]
    assert len(checked) == 10, "a password is looked at for both alike, and for none that was refused"


def note_comparisons(monkeypatch: Any, checked: list[str]) -> None:
    """Record every password that is compared with a hash."""
    from fieldapp.services.accounts import session as module

    inner = module.matches

    def noting(password: str, kept: str) -> bool:
        checked.append(kept)
        return inner(password, kept)

    monkeypatch.setattr(module, "matches", noting)


def test_wrong_passwords_are_shown_once_to_their_person(bench: Bench, time: Clock) -> None:
    for n in range(3):
        attempt(bench, "wrong", address=f"198.51.100.{n}")
        time.on(minutes=5)
    client = bench.app.test_client()
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    attempt(bench, PASSWORD, client=client)
    words = (
        "3 wrong passwords were tried before you signed in, the last <time[^>]+ data-ago>[^<]+</time> from 198.51.100.x"
    )
    assert re.search(words, client.get("/jobs").text)
    time.on(minutes=11)
    assert "wrong passwords were tried" not in client.get("/jobs").text
    assert "3 wrong passwords were tried before you signed in" in client.get("/me/devices").text
    client.post("/logout")
    attempt(bench, PASSWORD, client=client)
    assert "tried before you signed in" not in client.get("/jobs").text


def test_failures_and_throttling_are_audited_without_password_or_address(bench: Bench, time: Clock) -> None:
    for n in range(9):
        attempt(bench, f"secret guess {n}")
    assert (audit_entries(bench, "user.wrong_password"), audit_entries(bench, "user.slowed_down")) == (5, 1)
    time.on(seconds=2)
    for n in range(3):
        attempt(bench, f"secret guess {n}")
    assert (audit_entries(bench, "user.wrong_password"), audit_entries(bench, "user.slowed_down")) == (6, 2)
    attempt(bench, "x", "typed my secret here by mistake")
    with bench.app.app_context():
        entries = repr((db.session.execute(select(AuditEntry.agg_id, AuditEntry.actor_id)).all(), logged()))
        assert "secret" not in entries
        assert "203.0.113.7" not in entries
        assert "secret" not in repr(db.session.execute(select(LoginBucket.__table__)).all())


@pytest.mark.parametrize("closed", ["address:203.0.113.7", "account:tech"])
def test_refused_tries_add_no_rows(bench: Bench, time: Clock, closed: str) -> None:
    attempt(bench, "wrong")
    with bench.app.app_context(), writing() as session:
        bucket = session.get(LoginBucket, digest(closed))
        assert bucket is not None
        bucket.free_at = time.at + timedelta(seconds=60)
    for n in range(12):
        own = {"username": f"name {n}"} if closed.startswith("address") else {"address": f"198.51.100.{n}"}
        assert attempt(bench, "wrong", **own).status_code == 429
    with bench.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(LoginBucket)) == 3
    assert audit_entries(bench, "user.slowed_down") == 1
    time.on(seconds=61)
    assert attempt(bench, PASSWORD).status_code == 303


def test_old_counts_are_deleted_with_a_sign_in(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        attempt(bench, "wrong", f"person{n}")
    with bench.app.app_context(), writing() as session:
        session.execute(update(LoginBucket).values(last_at=clock.now() - timedelta(days=31)))
    monkeypatch.setattr(throttle, "DELETE_AT_ONCE", 4)
    attempt(bench, PASSWORD, address="198.51.100.1")
    with bench.app.app_context():
        # The seven of before less four, and the three of this sign-in.
        assert db.session.scalar(select(func.count()).select_from(LoginBucket)) == 6

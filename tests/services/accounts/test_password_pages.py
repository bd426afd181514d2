"""Password changes, reset links, and closing accounts (D-START-2)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from babel.support import Translations
from sqlalchemy import func, select, text

import fieldapp
from fieldapp.kernel import clock
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.database import Base
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import people
from fieldapp.services.accounts.models import PasswordReset, User
from tests.platform.sync.test_hello import hello
from tests.platform.sync.test_push import capture, push
from tests.platform.sync.test_token import bearing
from tests.services.accounts.test_sessions import posted, sign_in
from tests.services.accounts.test_throttle import attempt
from tests.support.bench import PASSWORD, Bench, Person

TRANSLATIONS = Translations.load(Path(fieldapp.__file__).parent / "translations", ["zh_Hans"])
NEW = "rain on a tin roof"


def everything(bench: Bench) -> str:
    """Return every value of every table as text."""
    with bench.app.app_context(), db.engine.connect() as connection:
        there = [table for table in Base.metadata.sorted_tables if not table.name.startswith("sample_")]
        return " ".join(repr(connection.execute(select(table)).all()) for table in there)


def make_link(bench: Bench, person: Person, client: Any = None) -> str:
    client = client or bench.client_of(bench.cast.admin)
    page = client.post(f"/people/{person.id}/reset-link")
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    match = re.search(r'value="/reset#([\w-]{43})"', page.text)
    assert match
    return match[1]


def use_link(bench: Bench, code: str, new: str = NEW, client: Any = None) -> Any:
    client = client or bench.app.test_client()
    return client.post("/reset", data={"code": code, "new": new}, headers={"Accept-Language": "en"})


# -- one's own -----------------------------------------------------------------------------------------------


def test_a_changed_password_ends_the_other_sessions_and_keeps_this_one(bench: Bench) -> None:
    mine, other = sign_in(bench), sign_in(bench)
    assert mine.get("/me/password").status_code == 200
    answer = mine.post("/me/password", data={"present": PASSWORD, "new": NEW})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/me/password?changed=1")
    assert "Your password was changed" in mine.get("/me/password?changed=1").text
    assert (mine.get("/me").status_code, other.get("/me").status_code) == (200, 302)
    assert attempt(bench, PASSWORD).status_code == 422
    assert attempt(bench, NEW).status_code == 303
    assert "Changed the password" in mine.get("/me/devices").text


@pytest.mark.parametrize(
    ("present", "new", "words"),
    [
        ("wrong", NEW, "This is not your present password."),
        ("", NEW, "This is not your present password."),
        (PASSWORD, "qzx 7", "at least 8 characters"),
        (PASSWORD, "12345678", "commonest passwords"),
        (PASSWORD, "tech2026", "guessed from the name"),
        (PASSWORD, "x" * 500, "At most 128 characters"),
    ],
)
def test_a_refused_change_says_why_and_changes_nothing(bench: Bench, present: str, new: str, words: str) -> None:
    mine, other = sign_in(bench), sign_in(bench)
    answer = mine.post("/me/password", data={"present": present, "new": new})
    assert answer.status_code == 422
    assert words in answer.text
    assert new not in answer.text
    assert other.get("/me").status_code == 200
    assert attempt(bench, PASSWORD).status_code == 303


def test_guessing_the_present_password_is_slowed_down(bench: Bench) -> None:
    mine = sign_in(bench)
    answers = [mine.post("/me/password", data={"present": f"guess {n}", "new": NEW}).status_code for n in range(7)]
    assert answers == [422] * 5 + [429] * 2


def test_no_password_is_kept_anywhere(bench: Bench) -> None:
    mine = sign_in(bench)
    mine.post("/me/password", data={"present": "my old secret", "new": NEW})
    mine.post("/me/password", data={"present": PASSWORD, "new": NEW})
    code = make_link(bench, bench.cast.tech)
    use_link(bench, code, "another fine secret")
    kept = everything(bench)
    for secret in (PASSWORD, NEW, "my old secret", "another fine secret", code):
        assert secret not in kept


def test_39_a_changed_password_strands_no_record(bench: Bench) -> None:
    phone, desk = sign_in(bench), sign_in(bench)
    token = hello(bench, phone).json["token"]
    desk.post("/me/password", data={"present": PASSWORD, "new": NEW})
    assert phone.get("/me").status_code == 302
    assert push(bearing(bench, token, phone), capture(bench)).json["results"][0]["outcome"] == "accepted"


# -- links ---------------------------------------------------------------------------------------------------


def test_a_link_sets_a_new_password_once_and_ends_all_sessions(bench: Bench) -> None:
    phone = sign_in(bench)
    token = hello(bench, phone).json["token"]
    code = make_link(bench, bench.cast.tech)
    # Opening it changes nothing.
    assert bench.app.test_client().get("/reset").status_code == 200
    assert phone.get("/me").status_code == 200
    answer = use_link(bench, f"http://localhost/reset#{code}")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?new=1")
    assert phone.get("/me").status_code == 302
    assert attempt(bench, NEW).status_code == 303
    assert use_link(bench, code, "and once more").status_code == 422
    # What waits on the phone is still taken in.
    assert push(bearing(bench, token, phone), capture(bench)).json["results"][0]["outcome"] == "accepted"


def test_unknown_used_old_and_replaced_links_look_the_same(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    used, old = make_link(bench, bench.cast.tech), make_link(bench, bench.cast.tech2)
    use_link(bench, used)
    replaced = make_link(bench, bench.cast.leader)
    newer = make_link(bench, bench.cast.leader)
    closed = make_link(bench, bench.cast.finance)
    admin = bench.client_of(bench.cast.admin)
    assert admin.post(f"/people/{bench.cast.finance.id}/deactivate", data=posted()).status_code == 303
    begun = clock.now()
    with monkeypatch.context() as patched:
        patched.setattr(clock, "now", lambda: begun + timedelta(hours=25))
        answers = [use_link(bench, old), use_link(bench, newer)]
    answers += [use_link(bench, item) for item in (used, replaced, closed, "x" * 43, "", "\u6c34", "x" * 5000)]
    assert {answer.status_code for answer in answers} == {422}
    assert len({re.sub(r'data-rendered="[^"]*"', "", answer.text) for answer in answers}) == 1
    assert use_link(bench, newer).status_code == 303


def test_a_bad_new_password_does_not_use_the_link_up(bench: Bench) -> None:
    code = make_link(bench, bench.cast.tech)
    for bad in ("1", "12345678", "tech1234", ""):
        assert use_link(bench, code, bad).status_code == 422
    assert use_link(bench, code).status_code == 303


def test_who_set_a_new_password_is_let_in_where_guesses_had_closed_the_account(bench: Bench) -> None:
    for n in range(40):
        attempt(bench, "wrong", address=f"198.51.100.{n}")
    assert attempt(bench, PASSWORD).status_code == 429
    own = bench.app.test_client()
    assert use_link(bench, make_link(bench, bench.cast.tech), client=own).status_code == 303
    assert attempt(bench, NEW, client=own).status_code == 303


def test_the_command_line_is_the_last_way_in(bench: Bench) -> None:
    runner = bench.app.test_cli_runner()
    result = runner.invoke(args=["reset-link", "admin"])
    assert result.exit_code == 0
    code = result.output.strip().rpartition("#")[2]
    assert use_link(bench, code).status_code == 303
    assert attempt(bench, NEW, "admin").status_code == 303
    assert runner.invoke(args=["reset-link", "nobody"]).exit_code == 1


# -- people --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["tech", "leader", "finance", "manager", "hr", "executive"])
def test_only_administrators_see_people_and_make_links(bench: Bench, role: str) -> None:
    client, target = bench.client_of(getattr(bench.cast, role)), bench.cast.tech2.id
    for path in ("/people", f"/people/{target}"):
        assert client.get(path).status_code == 403
    for path in ("reset-link", "deactivate", "activate"):
        assert client.post(f"/people/{target}/{path}", data=posted()).status_code == 403
    with bench.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(PasswordReset)) == 0


def test_the_list_of_people(bench: Bench, queries: Any) -> None:
    sign_in(bench)
    client = bench.client_of(bench.cast.admin)
    with queries() as q:
        page = client.get("/people").text
    assert q.count <= 12, q.statements
    assert "Tech Person" in page
    assert "Technician · Group one" in page
    assert "last seen" in page
    assert "no sign-in on record" in page
    assert "Tech2" not in client.get("/people?q=other_t").text
    assert "Nobody fits this." in client.get("/people?state=closed").text
    with queries() as q:
        assert client.get(f"/people/{bench.cast.tech.id}").status_code == 200
    assert q.count <= 12, q.statements
    for path in ("/people/9999", f"/people/{2**40}"):
        assert client.get(path).status_code == 404


def test_closing_an_account_ends_its_sessions_and_opening_lets_it_in_again(bench: Bench) -> None:
    client, admin = sign_in(bench), bench.client_of(bench.cast.admin)
    token = hello(bench, client).json["token"]
    path = f"/people/{bench.cast.tech.id}"
    assert admin.post(f"{path}/deactivate", data=posted()).status_code == 303
    assert client.get("/me").status_code == 302
    assert attempt(bench, PASSWORD).status_code == 422
    assert push(bearing(bench, token), capture(bench)).json["results"][0]["outcome"] == "accepted"
    assert "The account was closed" in admin.get(path).text
    assert admin.post(f"{path}/reset-link").status_code == 409
    assert admin.post(f"{path}/activate", data=posted()).status_code == 303
    assert client.get("/me").status_code == 302, "the sessions of before stay ended"
    assert attempt(bench, PASSWORD).status_code == 303


def test_nobody_closes_their_own_account(bench: Bench) -> None:
    admin, own = bench.client_of(bench.cast.admin), bench.cast.admin.id
    assert "Close the account" not in admin.get(f"/people/{own}").text
    assert admin.post(f"/people/{own}/deactivate", data=posted()).status_code == 422
    with bench.app.app_context():
        assert db.session.get_one(User, own).active


def test_account_changes_are_in_the_audit_log(bench: Bench) -> None:
    code = make_link(bench, bench.cast.tech)
    use_link(bench, code)
    admin = bench.client_of(bench.cast.admin)
    admin.post(f"/people/{bench.cast.tech.id}/deactivate", data=posted())
    with bench.app.app_context():
        entries = db.session.execute(select(AuditEntry.action, AuditEntry.actor_id).order_by(AuditEntry.id)).all()
        assert [tuple(entry) for entry in entries] == [
            ("user.reset_link", bench.cast.admin.id),
            ("user.reset_password", None),
            ("user.deactivate", bench.cast.admin.id),
        ]
        assert db.session.scalar(text("SELECT count(*) FROM receipt")) == 1


# -- what the pages say ------------------------------------------------------------------------------------------


def test_a_good_link_whose_new_password_is_refused_keeps_its_code(bench: Bench) -> None:
    """The part of the address after `#` is gone after a post. An invalid code is not returned."""
    code = make_link(bench, bench.cast.tech)
    refused = use_link(bench, code, "12345678")
    assert refused.status_code == 422
    assert f'value="{code}"' in refused.text
    unknown = use_link(bench, "x" * 43, "12345678")
    assert unknown.status_code == 422
    assert "x" * 43 not in unknown.text
    assert use_link(bench, code).status_code == 303


def test_the_log_in_page_says_what_to_do_about_a_forgotten_password(bench: Bench) -> None:
    page = bench.app.test_client().get("/login", headers={"Accept-Language": "en"})
    assert "Forgotten your password? An administrator can give you a link" in page.text


def test_a_leader_is_told_of_wrong_passwords_above_the_board(bench: Bench) -> None:
    assert attempt(bench, "wrong", bench.cast.leader.username).status_code == 422
    board = sign_in(bench, username=bench.cast.leader.username).get("/jobs")
    assert "1 wrong password was tried before you signed in" in board.text


def test_the_page_of_sign_ins_does_not_lead_to_itself(bench: Bench) -> None:
    for _ in range(2):
        assert attempt(bench, "wrong").status_code == 422
    mine = sign_in(bench)
    there, home = mine.get("/me/devices").text, mine.get(mine.get("/").headers["Location"]).text
    assert "2 wrong passwords were tried before you signed in" in there
    assert "2 wrong passwords were tried before you signed in" in home
    look = '<a href="/me/devices">Look</a>'
    assert (look in there, look in home) == (False, True)


def test_closed_accounts_have_words_of_their_own(bench: Bench) -> None:
    """The label of a closed job must not be used for a person."""
    client = bench.client_of(bench.cast.admin)
    client.set_cookie("language", "zh_Hans")
    with bench.app.app_context():
        closed = db.session.get_one(User, bench.cast.tech.id)
        closed.active = False
        db.session.commit()
    words = TRANSLATIONS.gettext("Account closed")
    for page in (client.get("/people?state=closed").text, client.get(f"/people/{bench.cast.tech.id}").text):
        assert words in page
        assert TRANSLATIONS.gettext("Closed") not in page


def test_links_made_at_the_same_moment_leave_one_that_is_good(bench: Bench) -> None:
    """As with a double click, or two administrators."""
    clients = [bench.client_of(bench.cast.admin) for _ in range(6)]
    address = f"/people/{bench.cast.tech.id}/reset-link"
    with ThreadPoolExecutor(len(clients)) as pool:
        pages = list(pool.map(lambda client: client.post(address), clients))
    assert {page.status_code for page in pages} == {200}
    codes = [re.findall(r"reset#([\w-]{43})", page.text)[0] for page in pages]
    assert [use_link(bench, code).status_code for code in codes].count(303) == 1


def test_no_link_is_made_for_an_account_that_is_closed_meanwhile(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a link would become valid when the account is opened again."""
    read = people.person_row

    def then_closed(user_id: int) -> Any:
        row = read(user_id)
        if row and row.active:
            bench.send(bench.cast.admin, "user.deactivate", ("user", str(UUID(int=user_id))), {})
        return row

    admin = bench.client_of(bench.cast.admin)
    monkeypatch.setattr(people, "person_row", then_closed)
    assert admin.post(f"/people/{bench.cast.tech.id}/reset-link").status_code == 409
    with bench.app.app_context():
        assert db.session.query(PasswordReset).count() == 0

"""Which new passwords are accepted (D-START-2, ASVS 6.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from fieldapp.platform.extensions import db
from fieldapp.services.accounts.models import User
from fieldapp.services.accounts.passwords import password_problem
from tests.support.bench import PASSWORD, Bench

#: Nothing is wrong with it but its length.
LONG = "correct horse battery staple, " * 5


@pytest.mark.parametrize(
    "password",
    [
        "1",
        "",
        "short 7",
        "x" * 129,
        LONG[:129],
        "password",
        "Password",
        "PASSWORD1",
        "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44",
        "12345678",
        "88888888",
        "87654321",
        "1234567890",
        "11112222",
        "12341234",
        "abcabcabc",
        "qwertyui",
        "qwer1234",
        "1qaz2wsx",
        "a123456789",
        "woaini1314",
        "52013145201314",
        "fieldapp",
        "FieldApp2026",
        "shouhou123",
        "li.ming88",
        "Li.Ming@1988",
        "limingliming",
        "13912345678x\x00",
        "line\nbreak8",
    ],
)
def test_weak_passwords_are_refused(password: str) -> None:
    assert password_problem(password, "li.ming", "\u674e\u660e") is not None


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "demo-field-2026",
        "correct horse battery",
        "\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u5e7f\u573a\u821e",
        "kdjfh4kq",
        LONG[:128],
        "my dog eats 9 apples",
        "x9" * 3 + "long enough to be new",
        "\U0001f600 and 3 pears, please",
        "zhengzhou rain in june",
    ],
)
def test_passwords_are_accepted_without_composition_rules(password: str) -> None:
    assert password_problem(password, "li.ming", "\u674e\u660e") is None


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=140), st.text(max_size=20), st.text(max_size=20)
)
def test_any_text_gets_an_answer(password: str, username: str, name: str) -> None:
    problem = password_problem(password, username, name)
    if not 8 <= len(password) <= 128:
        assert problem is not None


def test_the_command_line_refuses_a_bad_one_in_words(bench: Bench) -> None:
    runner = bench.app.test_cli_runner()
    asked = ["create-user", "new", "--name", "New", "--role", "technician", "--password"]
    for bad in ("1", "12345678", "new12345"):
        answer = runner.invoke(args=[*asked, bad])
        assert answer.exit_code == 1, answer.output
        assert answer.output.startswith("Error: ")
        assert bad not in answer.output or bad == "1"
    with bench.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(User).where(User.username == "new")) == 0
    assert runner.invoke(args=[*asked, "a fine new one"]).exit_code == 0

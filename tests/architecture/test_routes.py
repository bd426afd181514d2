"""Walks over all routes, templates and commands: what every one of them must have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import nodes

from fieldapp.platform.extensions import GRANTS
from tests.support.bench import Bench

ROOT = Path(__file__).resolve().parents[2]


def rules(app: Flask) -> list[tuple[str, str]]:
    return [(rule.rule, rule.endpoint) for rule in app.url_map.iter_rules() if rule.endpoint != "static"]


def test_every_route_says_who_may_open_it(app: Flask) -> None:
    unguarded = [rule for rule, endpoint in rules(app) if not hasattr(app.view_functions[endpoint], "guard")]
    assert unguarded == []


def test_public_routes_are_the_known_ones(app: Flask) -> None:
    public = {rule for rule, endpoint in rules(app) if getattr(app.view_functions[endpoint], "guard", "") == "public"}
    assert {rule for rule in public if not rule.startswith("/sync/")} == {
        "/login",
        "/logout",
        "/reset",
        "/me/language",
        "/sw.js",
        "/manifest.webmanifest",
        "/offline",
        "/share",
        "/healthz",
    }


def test_urls_are_kebab_case_with_typed_ids(app: Flask) -> None:
    for rule, _ in rules(app):
        bare = re.sub(r"<[^>]*>", "", rule)
        assert re.fullmatch(r"[a-z0-9/.-]*", bare), rule
        for converter in re.findall(r"<([^>]*)>", rule):
            if converter.endswith("_id") or converter in {"id", "record", "job", "visit"}:
                assert converter.startswith(("uuid:", "int:")), rule


def test_signed_out_nobody_gets_in(app: Flask) -> None:
    client = app.test_client()
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint == "static":
            continue
        if app.view_functions[rule.endpoint].guard == "public":  # type: ignore[attr-defined]
            continue
        url = re.sub(r"<uuid:[^>]*>", "01890000-0000-7000-8000-000000000000", rule.rule)
        url = re.sub(r"<int:[^>]*>", "1", url)
        url = re.sub(r"<[^>]*>", "x", url)
        answer = client.get(url)
        assert answer.status_code == 302, url
        assert "/login" in answer.headers["Location"], url


def test_every_page_carries_the_policy_and_the_user(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    for path in ("/jobs", "/expenses", "/inbox", "/outbox", "/me", "/add", "/expenses/new"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Fieldapp-User"] == str(bench.cast.tech.id)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", sorted((ROOT / "templates").rglob("*.html")), ids=lambda p: p.name)
def test_templates_compile_and_keep_the_rules(session_app: Flask, path: Path) -> None:
    source = path.read_text()
    tree = session_app.jinja_env.parse(source)
    assert not list(tree.find_all(nodes.Filter)) or all(f.name != "safe" for f in tree.find_all(nodes.Filter))
    assert not re.search(r"\son[a-z]+=", source), "inline handlers are forbidden by the policy"
    assert not re.search(r"\sstyle=", source), "inline styles are forbidden by the policy"
    assert not re.search(r"<script(?![^>]*\bsrc=)", source), "inline scripts are forbidden by the policy"
    assert "hx-on" not in source
    if path.name.startswith("_"):
        assert not list(tree.find_all(nodes.Extends)), "a fragment extends nothing"


def test_only_the_transaction_commits() -> None:
    commits = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "fieldapp").rglob("*.py")
        if re.search(r"\.commit\(", path.read_text())
    ]
    assert commits == ["fieldapp/platform/commandbus/transaction.py"]


def test_values_of_the_application_are_typed() -> None:
    """`app.extensions` is read through AppValue alone; migrations ask Flask-Migrate's own entry."""
    reads = re.compile(r"\.extensions(\[|\.get\()")
    found = [path.name for path in (ROOT / "fieldapp").rglob("*.py") if reads.search(path.read_text())]
    assert found == ["extensions.py"]


def test_no_code_can_wipe_a_phone() -> None:
    """Failure mode 36: nothing may delete databases or send Clear-Site-Data for storage."""
    for path in [*(ROOT / "fieldapp").rglob("*.py"), *(ROOT / "static" / "src").rglob("*.ts")]:
        text = path.read_text()
        assert "deleteDatabase" not in text, path
        assert not re.search(r"Clear-Site-Data", text), path


def test_no_chinese_in_source() -> None:
    han = re.compile("[\u4e00-\u9fff]")
    for folder, pattern in (("fieldapp", "*.py"), ("static/src", "*.ts")):
        for path in (ROOT / folder).rglob(pattern):
            assert not han.search(path.read_text()), path


def test_every_command_has_words_and_a_permission(app: Flask) -> None:
    grants = GRANTS.of(app)
    for kind, command in app.extensions["commands"].items():
        assert re.fullmatch(r"[a-z_]+\.[a-z_]+", kind), kind
        assert str(command.label), kind
        assert grants.roles_with(kind), f"nobody may {kind}"


def test_no_file_is_too_long() -> None:
    for path in (ROOT / "fieldapp").rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 400, path

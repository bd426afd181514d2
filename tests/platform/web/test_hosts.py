"""Links and hosts come from the configuration, never from what a request says of itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from fieldapp import create_app
from fieldapp.cli import reset_link
from fieldapp.config import Config
from fieldapp.platform.extensions import db
from tests.support.bench import Bench, Person

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def configured(tmp_path: Path) -> Bench:
    """An installation with two addresses."""
    addresses = ("https://field.example.com", "http://localhost")
    app = create_app(Config(data=tmp_path / "data", testing=True, addresses=addresses))
    with app.app_context():
        db.create_all()
        db.session.remove()
    bench = Bench(app)
    bench.reset()
    return bench


def client_of(bench: Bench, person: Person) -> FlaskClient:
    """A browser of this person that sends its cookie to every host: a test client sends it to its own only."""
    cookie = bench.client_of(person).get_cookie("session")
    assert cookie
    client = bench.app.test_client(use_cookies=False)
    client.environ_base |= {"HTTP_COOKIE": f"session={cookie.value}", "HTTP_ACCEPT_LANGUAGE": "en"}
    return client


def link_page(bench: Bench, host: str = "localhost") -> Any:
    return client_of(bench, bench.cast.admin).post(f"/people/{bench.cast.tech.id}/reset-link", headers={"Host": host})


def test_link_for_a_new_password_ignores_the_host_of_the_request(bench: Bench) -> None:
    page = link_page(bench, "evil.example")
    assert page.status_code == 200
    assert "evil.example" not in page.text
    assert 'value="/reset#' in page.text


def test_link_for_a_new_password_has_the_configured_address(configured: Bench) -> None:
    assert 'value="https://field.example.com/reset#' in link_page(configured).text
    said = configured.app.test_cli_runner().invoke(reset_link, [configured.cast.tech.username]).output
    assert "https://field.example.com/reset#" in said


def test_command_line_prints_the_path_where_no_address_is_configured(bench: Bench) -> None:
    said = bench.app.test_cli_runner().invoke(reset_link, [bench.cast.tech.username]).output
    assert "behind the address of this installation: /reset#" in said


@pytest.mark.parametrize("path", ["/login", "/people", "/nowhere", "/reset", "/manifest.webmanifest"])
def test_foreign_host_is_refused_where_addresses_are_configured(configured: Bench, path: str) -> None:
    answer = client_of(configured, configured.cast.admin).get(path, headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "does not answer under this address" in answer.text
    own = client_of(configured, configured.cast.admin).get(path, headers={"Host": "FIELD.example.com"})
    assert own.status_code == (404 if path == "/nowhere" else 302 if path == "/login" else 200)


def test_foreign_host_is_refused_for_phones_in_json(configured: Bench) -> None:
    client = client_of(configured, configured.cast.tech)
    answer = client.post("/sync/push", json={"ops": []}, headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert answer.json
    assert answer.json["error"]["code"] == "request.foreign_host"
    assert client.post("/sync/push", json={"ops": []}).status_code == 200


def test_foreign_host_writes_nothing(configured: Bench) -> None:
    assert link_page(configured, "evil.example").status_code == 400


def test_health_is_answered_under_any_host(configured: Bench) -> None:
    assert configured.app.test_client().get("/healthz", headers={"Host": "evil.example"}).status_code == 200


def test_addresses_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given = "https://Field.example.com:443/ http://[::1]:8000 http://a.example:80"
    monkeypatch.setenv("FIELDAPP_URL", given)
    expected = ("https://field.example.com", "http://[::1]:8000", "http://a.example")
    assert Config.from_environment().addresses == expected


def test_no_other_module_makes_an_address_from_the_request() -> None:
    asked = re.compile(r"\b(host_url|url_root|base_url|_external|request\.url)\b")
    sources = [*(ROOT / "fieldapp").rglob("*.py"), *(ROOT / "templates").rglob("*.html")]
    found = [str(source.relative_to(ROOT)) for source in sources if asked.search(source.read_text())]
    assert found == []

"""What comes from outside is read in one place: typed, bounded, and answered in words."""

from __future__ import annotations

import ast
import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from sqlalchemy import select

from fieldapp.kernel import clock, ids
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.extensions import db
from fieldapp.platform.web.lists import list_page
from fieldapp.services.devices import Device
from tests.support.bench import Bench

ROOT = Path(__file__).resolve().parents[3]

# -- one place ---------------------------------------------------------------------------------------------------

#: What a request brings with it. The rest of `request` is the server's own (method, path, endpoint).
RAW = {
    "args", "form", "values", "files", "json", "get_json", "data", "get_data", "stream", "headers", "cookies",
    "query_string", "authorization", "view_args", "environ", "url", "full_path", "referrer", "user_agent", "range",
    "accept_languages", "accept_mimetypes", "if_none_match", "if_modified_since", "mimetype", "mimetype_params",
    "content_type", "access_route", "pragma", "cache_control", "origin",
}  # fmt: skip

#: Where they are read: the two modules of inputs, and who passes bytes or an address on without looking into them.
READERS = {
    "fieldapp/platform/web/inputs.py": RAW,
    "fieldapp/platform/sync/answers.py": {"stream", "get_data", "environ"},
    # The request of a page within a request; the token, which is hashed; the origin, which is compared.
    "fieldapp/platform/web/render.py": {"environ"},
    "fieldapp/platform/web/origin.py": {"environ"},
    "fieldapp/platform/web/refused.py": {"environ"},
    "fieldapp/services/accounts/session.py": {"full_path"},
    "fieldapp/services/accounts/tokens.py": {"environ"},
    "fieldapp/platform/sync/routes/attachments.py": {"stream", "mimetype"},
    "fieldapp/platform/web/forms.py": {"view_args"},
    # The best of our own languages.
    "fieldapp/platform/web/language.py": {"accept_languages"},
    # The page's own address, which check_address has looked at, to ask for it again.
    "fieldapp/field/jobs/routes/mine.py": {"full_path"},
    "fieldapp/field/jobs/routes/group.py": {"full_path"},
    "templates/platform/web/form.html": {"full_path"},
    "templates/supply/parts/_requests.html": {"full_path"},
    "templates/services/devices/_phones.html": {"full_path"},
    "templates/error/unsaved.html": {"full_path"},
}


def names_of_requests(tree: ast.AST) -> set[str]:
    """The names under which a file knows the request: imported, given as a parameter, or bound to one of those."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "flask":
            names |= {one.asname or one.name for one in node.names if one.name == "request"}
        if isinstance(node, ast.arg) and node.annotation and re.search(r"\bRequest\b", ast.unparse(node.annotation)):
            names.add(node.arg)
    while True:
        bound = {
            target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and _is_request(node.value, names)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        }
        if bound <= names:
            return names
        names |= bound


def _is_request(node: ast.AST | None, names: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in names
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "_get_current_object":
        return _is_request(node.func.value, names)
    # `flask.request`, `ctx.request`
    return isinstance(node, ast.Attribute) and node.attr == "request"


def reads_of(source: str) -> set[str]:
    """What of a request this source reads; `getattr` with a name that is not written out counts as everything."""
    tree = ast.parse(source)
    names = names_of_requests(tree)
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_request(node.value, names):
            found.add(node.attr)
        named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"getattr", "vars"}
        if named and node.args and _is_request(node.args[0], names):  # type: ignore[attr-defined]
            what = node.args[1] if len(node.args) > 1 else None  # type: ignore[attr-defined]
            found |= {str(what.value)} if isinstance(what, ast.Constant) else RAW
    return found & RAW


def raw_reads() -> Iterator[tuple[str, str]]:
    """What is read of requests in the source and its templates, with its file."""
    for path in sorted((ROOT / "fieldapp").rglob("*.py")):
        for what in reads_of(path.read_text()):
            yield str(path.relative_to(ROOT)), what
    for path in sorted((ROOT / "templates").rglob("*.html")):
        for what in re.findall(r"\brequest(?:\.|\[['\"])(\w+)", path.read_text()):
            if what in RAW:
                yield str(path.relative_to(ROOT)), what


@pytest.mark.parametrize(
    "source",
    [
        "from flask import request\nrequest.args",
        "from flask import request as sent\nsent.args",
        "import flask\nflask.request.args",
        "from flask import request\nbound = request\nagain = bound\nagain.args",
        "from flask import request\nreal = request._get_current_object()\nreal.args",
        "from flask import request\nif (one := request): one.args",
        "from flask import Request\ndef look(asked: Request | None) -> None: asked.args",
        "from flask import request\ngetattr(request, 'args')",
        "from flask import request\ngetattr(request, what)",
    ],
)
def test_a_read_past_the_one_place_is_seen_whatever_it_is_called(source: str) -> None:
    assert "args" in reads_of(source)


def test_what_only_sounds_like_a_request_is_none() -> None:
    assert reads_of("def show(request: PartsRequest) -> None: request.values, request.data") == set()


def test_requests_are_read_in_one_place() -> None:
    found = set(raw_reads())
    assert ("fieldapp/platform/web/inputs.py", "args") in found
    assert sorted((path, what) for path, what in found if what not in READERS.get(path, set())) == []


# -- addresses and forms -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "/jobs?q=a%00b",
        "/jobs?state=%00",
        "/jobs?%00=1",
        "/jobs?after=%00",
        "/login?next=%2F%00",
        "/settings/%00",
        "/inbox/%00/01890000-0000-7000-8000-000000000000/approve",
        "/%1bnothing",
        "/parts?q=%7f",
    ],
)
def test_control_characters_in_an_address_are_a_page_in_words(bench: Bench, address: str) -> None:
    answer = bench.client_of(bench.cast.manager).get(address)
    assert answer.status_code == 400
    assert "This address holds characters that cannot be used." in answer.text


def test_the_page_speaks_the_persons_language(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    client.set_cookie("language", "zh_Hans")
    answer = client.get("/jobs?q=%00")
    assert answer.status_code == 400
    assert 'lang="zh-Hans"' in answer.text
    assert "This address" not in answer.text


def test_a_sync_address_is_answered_as_json(bench: Bench) -> None:
    answer = bench.client_of(bench.cast.tech).get("/sync/pack?had=%00")
    assert answer.status_code == 400
    assert answer.json["error"]["code"] == "request.bad_address"


def test_tabs_and_line_ends_of_a_pasted_search_are_spaces(bench: Bench) -> None:
    bench.make_job()
    assert "Huayu" in bench.client_of(bench.cast.leader).get("/jobs?q=Huayu%09Logistics%0A").text


def test_control_characters_in_a_field_name_are_refused(bench: Bench) -> None:
    answer = bench.client_of(bench.cast.tech).post("/expenses/new", data={"no\0te": "x"})
    assert answer.status_code == 400
    assert "This form holds fields that cannot be read." in answer.text


def test_control_characters_in_a_typed_text_are_said_at_the_field(bench: Bench) -> None:
    data = {"id": str(ids.uuid7()), "amount": "46.00", "kind": "local_transport", "note": "a\0b"}
    answer = bench.client_of(bench.cast.tech).post("/expenses/new", data=data)
    assert answer.status_code == 422
    assert "characters that cannot be stored" in answer.text


def test_a_log_in_name_with_a_null_character_is_a_wrong_name(anonymous: Any) -> None:
    answer = anonymous.post("/login", data={"username": "no\0body", "password": "a\0b"})
    assert answer.status_code == 422


@pytest.mark.parametrize("number", ["99999999999999999999", "9223372036854775807", "2147483648", "-1", "1e3", "٣"])
def test_a_number_no_column_holds_finds_nothing(bench: Bench, number: str) -> None:
    manager, finance = bench.client_of(bench.cast.manager), bench.client_of(bench.cast.finance)
    for path in (f"/reports?technician={number}", f"/jobs?scope=group&group={number}", f"/phones?group={number}"):
        assert manager.get(path).status_code == 200, path
    for path in (f"/reimbursements?person={number}", f"/reimbursements/list.csv?group={number}"):
        assert finance.get(path).status_code == 200, path
    address = f"/phones/{ids.uuid7()}/{number}/sign-out"
    assert manager.get(address).status_code == 404


@pytest.mark.parametrize("up_to", [2**63, 2**64, 10**30, str(2**63), -1, 1.5, True, "x" * 5000])
def test_an_absurd_number_in_a_command_is_refused_and_never_waits(bench: Bench, up_to: Any) -> None:
    result = bench.send(bench.cast.tech, "notice.dismiss", ("notice", str(ids.uuid7())), {"up_to": up_to})
    assert (result.outcome, list(result.problems)) == ("rejected", ["up_to"])


def test_the_largest_number_is_taken(bench: Bench) -> None:
    result = bench.send(bench.cast.tech, "notice.dismiss", ("notice", str(ids.uuid7())), {"up_to": 2**63 - 1})
    assert result.outcome == "accepted"


def test_a_record_with_thousands_of_fields_or_rows_is_one_problem(bench: Bench) -> None:
    """A small request must not become a large answer, nor seconds of checking."""
    agg = ("parts_request", str(ids.uuid7()))
    many_fields = {f"f{n}": 1 for n in range(50_000)}
    many_rows = {"id": agg[1], "lines": [{}] * 50_000, "urgency": "normal"}
    for data in (many_fields, many_rows):
        result = bench.send(bench.cast.tech, "parts_request.submit", agg, data)
        assert result.outcome == "rejected"
        assert sum(map(len, result.problems.values())) < 10


# -- cursors -----------------------------------------------------------------------------------------------------

#: Every list, and who sees it.
LISTS = {
    "/jobs?scope=group": "leader",
    "/jobs?scope=mine": "tech",
    "/jobs?scope=mine&state=done": "tech",
    "/expenses": "tech",
    "/parts": "leader",
    "/reports": "leader",
    "/reimbursements": "finance",
    "/attachments/missing": "tech",
    "/phones": "leader",
    "/phones/closed": "leader",
    "/rescue": "agent",
}
RESTARTED = "This link leads to no place in this list. It starts from the beginning."

#: What may stand where a part of a key is expected.
NASTY: list[Any] = [
    None, True, 1.5, -1, 2**31, 2**63, 10**40, "", "x", "\0", "a\0b", "\ud800", "x" * 300, [], {}, [1], {"t": "x"},
    {"t": "0001-01-01T00:00:00+14:00"}, {"d": "2026-13-01"}, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    "2026-11-29", "2026-11-29T10:00:00", "NaN",
]  # fmt: skip


def packed(parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def unpacked(cursor: str) -> list[Any]:
    parts: list[Any] = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return parts


def at(path: str, cursor: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}after={quote(cursor)}"


@pytest.mark.parametrize("path", LISTS)
def test_a_crafted_cursor_gives_the_first_page_and_says_so(bench: Bench, path: str) -> None:
    bench.make_job()
    client = bench.client_of(getattr(bench.cast, LISTS[path]))
    crafted = ["x", "%%%", "\u00e9", "bnVsbA", packed({}), packed("x"), "x" * 3000, "x" * 499, "[" * 400, packed([])]
    for length in (1, 2, 3, 4):
        crafted += [packed([one] * length) for one in NASTY]
    for cursor in crafted:
        answer = client.get(at(path, cursor))
        assert answer.status_code == 200, cursor
        assert RESTARTED in answer.text, cursor
    assert RESTARTED not in client.get(path).text


@pytest.fixture
def second_page(bench: Bench) -> str:
    """The address of the second page of the group's jobs."""
    for _ in range(52):
        bench.make_job()
    page = bench.client_of(bench.cast.leader).get("/jobs?scope=group").text
    return re.search(r'href="(/jobs\?[^"]*after=[^"]+)"', page)[1].replace("&amp;", "&")  # type: ignore[index]


def test_a_list_goes_on_where_it_stopped_and_only_there(bench: Bench, second_page: str) -> None:
    client = bench.client_of(bench.cast.leader)
    first, second = client.get("/jobs?scope=group").text, client.get(second_page).text
    assert RESTARTED not in second
    numbers = [set(re.findall(r"W-[0-9a-f]{10}", page)) for page in (first, second)]
    assert (len(numbers[0]), len(numbers[1])) == (50, 2)
    assert not numbers[0] & numbers[1]
    cursor = parse_qs(urlsplit(second_page).query)["after"][0]
    for path, role in LISTS.items():
        if path != "/jobs?scope=group":
            answer = bench.client_of(getattr(bench.cast, role)).get(at(path, cursor))
            assert (answer.status_code, RESTARTED in answer.text) == (200, True), path


def test_a_cursor_of_this_list_with_another_key_is_typed(bench: Bench, second_page: str) -> None:
    client = bench.client_of(bench.cast.leader)
    name, *key = unpacked(parse_qs(urlsplit(second_page).query)["after"][0])
    for place in range(len(key)):
        for value in NASTY:
            changed = [*key[:place], value, *key[place + 1 :]]
            answer = client.get(at("/jobs?scope=group", packed([name, *changed])))
            assert answer.status_code == 200, (place, value)


def test_keys_of_every_type_are_read_as_their_columns(bench: Bench) -> None:
    """Whole numbers as wide as their column, days and instants: what does not fit is no key."""
    for _ in range(2):
        bench.send(bench.cast.tech, "notice.dismiss", ("notice", str(ids.uuid7())), {"up_to": 1})
    with bench.app.app_context():
        with writing() as session:
            seen = {"first_seen_at": clock.now(), "last_seen_at": clock.now()}
            session.add_all(
                Device(
                    dev=str(ids.uuid7()),
                    ep="0a1b2c3d",
                    user_id=bench.cast.tech.id,
                    build="",
                    display_mode="",
                    unsent=number,
                    **seen,
                )
                for number in range(2)
            )
        db.session.remove()
    keys: dict[Any, list[Any]] = {
        AuditEntry.id: [2**63, -(2**70), "1", True, 1.0],
        Receipt.received_at: ["2026-11-29", "9999-12-31T23:59:59-14:00", 5],
        Receipt.op: [5, "a\0b", "x" * 300],
        Device.unsent: [2**31],
    }
    for key, wrong in keys.items():
        with bench.app.test_request_context("/jobs"):
            following = list_page(select(key), keys=(key,), size=1).next_url
            assert following is not None, key
            name, part = unpacked(parse_qs(urlsplit(following).query)["after"][0])
        for value, first in [(part, False), *((one, True) for one in wrong)]:
            with bench.app.test_request_context(at("/jobs", packed([name, value]))):
                assert list_page(select(key), keys=(key,), size=1).first is first, (key, value)

"""Import of rescue files: as the author, exactly once, with every outcome listed."""

from __future__ import annotations

import html
import re
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from fieldapp.field.jobs.models import Visit
from fieldapp.integrity import faults
from fieldapp.kernel import ids
from fieldapp.money.expenses import ExpenseItem
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus import IMPORT, execute, writing
from fieldapp.platform.commandbus.models import Attachment, Notice, Receipt
from fieldapp.platform.extensions import db
from fieldapp.services.accounts.models import User
from fieldapp.services.rescue.models import RescueImport
from tests.support.audit import logged, lose_contents
from tests.support.bench import Bench, Person
from tests.support.rescue import Kept, rescue_zip


def expense(bench: Bench, who: Person, amount: str = "46.00", **over: Any) -> str:
    record_id = str(ids.uuid7())
    data = {"id": record_id, "kind": "local_transport", "amount": amount, "note": "bus"}
    return bench.envelope(who, "expense_item.capture", ("expense_item", record_id), data, **over)


def choose(client: FlaskClient, data: bytes) -> Any:
    return client.post("/rescue", data={"file": (BytesIO(data), "rescue.zip")}, content_type="multipart/form-data")


def bring_in(client: FlaskClient, data: bytes) -> str:
    """Upload, preview and import the file; return the page with the outcomes."""
    chosen = choose(client, data)
    assert chosen.status_code == 303, chosen.text
    where = chosen.headers["Location"]
    page = client.get(where).text
    number = re.search(r'name="number" value="([^"]+)"', page)
    posted = client.post(where, data={"number": number[1] if number else ""})
    assert posted.status_code == 303
    return html.unescape(client.get(posted.headers["Location"]).text)


def count(bench: Bench, model: Any, *where: Any) -> int:
    with bench.app.app_context():
        number = db.session.scalar(select(func.count()).select_from(model).where(*where))
        db.session.remove()
        return int(number or 0)


RESCUE = AuditEntry.action == "rescue.import"


def one_of(bench: Bench, model: Any, *where: Any) -> Any:
    with bench.app.app_context():
        row = db.session.scalars(select(model).where(*where)).one()
        db.session.expunge_all()
        db.session.remove()
        return row


def with_photo(bench: Bench) -> tuple[str, Kept]:
    photo = bench.photo("receipt")
    return expense(bench, bench.cast.tech, atts=[photo[0]]), photo


def is_sound(bench: Bench) -> bool:
    with bench.app.app_context():
        problems = list(faults())
        db.session.remove()
        return problems == []


@pytest.mark.parametrize("who", ["agent", "admin"])
def test_records_come_in_under_their_authors_name(bench: Bench, who: str) -> None:
    desk = getattr(bench.cast, who)
    body, photo = with_photo(bench)
    page = bring_in(bench.client_of(desk), rescue_zip([body, expense(bench, bench.cast.tech)], [photo]))
    assert "2 of 2 records received" in page
    assert "Photos here: 1 of 1" in page
    receipt = one_of(bench, Receipt, Receipt.body == body)
    assert (receipt.user_id, receipt.channel, receipt.imported_by) == (bench.cast.tech.id, "import", desk.id)
    assert one_of(bench, ExpenseItem, ExpenseItem.id == receipt.agg_id).owner_id == bench.cast.tech.id
    effect = one_of(bench, AuditEntry, AuditEntry.op == receipt.op)
    assert (effect.actor_id, effect.dev) == (bench.cast.tech.id, receipt.dev)
    audit_entry = one_of(bench, AuditEntry, AuditEntry.action == "rescue.import")
    assert audit_entry.actor_id == desk.id
    with bench.app.app_context():
        assert receipt.op in [line["op"] for line in (logged(RESCUE)[0].after or {})["records"]]
        db.session.remove()
    file = one_of(bench, Attachment, Attachment.id == photo[0]["id"])
    assert (file.state, file.user_id, file.op) == ("stored", bench.cast.tech.id, receipt.op)
    notice = one_of(bench, Notice, Notice.kind == "rescue.import")
    assert (notice.user_id, notice.params) == (bench.cast.tech.id, {"who": desk.name, "n": 2})
    assert desk.name in html.unescape(bench.client_of(bench.cast.tech).get("/inbox").text)
    assert is_sound(bench)


def test_imports_are_listed_with_their_outcomes_without_the_contents_of_the_audit_log(bench: Bench) -> None:
    """The contents of audit entries may be erased: what was imported stands in a table of its own."""
    client = bench.client_of(bench.cast.agent)
    decision = bench.envelope(
        bench.cast.leader, "parts_request.approve", ("parts_request", str(ids.uuid7())), {"reason": "fine"}
    )
    bodies = [expense(bench, bench.cast.tech), expense(bench, bench.cast.tech, "-5"), decision]
    bring_in(client, rescue_zip(bodies))
    with bench.app.app_context():
        lose_contents()
        db.session.remove()
    made = one_of(bench, RescueImport)
    assert (made.imported_by, made.record_count) == (bench.cast.agent.id, 3)
    assert made.outcomes == {"accepted": 1, "rejected": 1, "refused": 1}
    page = html.unescape(client.get("/rescue").text)
    assert "3 records" in page
    assert "1 of 3 records received" in page
    assert "1 of 3 records received" in client.get(f"/rescue/{made.id}").text


def test_preview_shows_the_contents_and_writes_nothing(bench: Bench) -> None:
    here = expense(bench, bench.cast.tech)
    bench.push(bench.cast.tech, here)
    draft = {"title": "Half a report", "kind": "service_report.submit", "updated": "", "fields": {"fault": "no power"}}
    chosen = choose(
        bench.client_of(bench.cast.agent), rescue_zip([here, expense(bench, bench.cast.tech)], drafts=[draft])
    )
    page = html.unescape(bench.client_of(bench.cast.agent).get(chosen.headers["Location"]).text)
    for words in ("Tech Person", "Received", "Not here yet", "Bring in 1 record", "Half a report", "no power"):
        assert words in page, words
    assert "does not say which installation" in page
    assert count(bench, Receipt) == 1


def test_imported_twice_and_sent_by_the_phone_later_is_one_effect(bench: Bench) -> None:
    body, photo = with_photo(bench)
    data = rescue_zip([body], [photo])
    client = bench.client_of(bench.cast.agent)
    bring_in(client, data)
    again = choose(client, data)
    assert "nothing to bring in" in client.get(again.headers["Location"]).text
    assert "1 of 1 records received" in bring_in(client, data)
    late = bench.push(bench.cast.tech, body)[0]
    assert (late.outcome, late.replayed) == ("accepted", True)
    assert count(bench, ExpenseItem) == count(bench, Receipt) == count(bench, Attachment) == 1
    assert is_sound(bench)


def test_import_after_the_phone_sent_its_records_has_no_effect(bench: Bench) -> None:
    body, photo = with_photo(bench)
    bench.push(bench.cast.tech, body)
    assert "Photos here: 1 of 1" in bring_in(bench.client_of(bench.cast.agent), rescue_zip([body], [photo]))
    assert count(bench, ExpenseItem) == 1
    receipt = one_of(bench, Receipt)
    assert (receipt.channel, receipt.imported_by) == ("sync", None)
    assert count(bench, Notice, Notice.kind == "rescue.import") == 0


def test_a_photo_whose_record_is_here_already_needs_no_record_in_the_file(bench: Bench) -> None:
    body, photo = with_photo(bench)
    op = bench.push(bench.cast.tech, body)[0].op
    atts = [{**photo[0], "file": f"atts/{photo[0]['id']}", "op": op, "draft": None}]
    data = rescue_zip([], [photo], atts=atts, user=bench.cast.tech.id)
    assert "Photos here: 1 of 1" in bring_in(bench.client_of(bench.cast.agent), data)
    assert one_of(bench, Attachment).state == "stored"


def test_import_posted_twice_is_one_audit_entry(bench: Bench) -> None:
    client = bench.client_of(bench.cast.agent)
    where = choose(client, rescue_zip([expense(bench, bench.cast.tech)])).headers["Location"]
    number = str(ids.uuid7())
    for _ in range(2):
        assert client.post(where, data={"number": number}).headers["Location"] == f"/rescue/{number}"
    assert count(bench, AuditEntry, AuditEntry.action == "rescue.import") == 1


def test_what_is_refused_is_listed_with_its_words_for_the_author(bench: Bench) -> None:
    photo = bench.photo("receipt")
    bad = expense(bench, bench.cast.tech, "-5", atts=[photo[0]])
    page = bring_in(bench.client_of(bench.cast.agent), rescue_zip([bad, expense(bench, bench.cast.tech)], [photo]))
    assert "1 of 2 records received" in page
    assert "1 record was not taken in. Please tell its author why." in page
    kept = one_of(bench, Receipt, Receipt.outcome == "rejected")
    assert kept.body == bad
    assert kept.detail["problems"]["amount"][0] in page
    # Its photo is kept for its author all the same.
    file = one_of(bench, Attachment)
    assert (file.state, file.user_id, file.op) == ("stored", bench.cast.tech.id, None)


def test_44_the_author_of_a_closed_account_is_flagged_and_the_work_counts(bench: Bench) -> None:
    with bench.app.app_context():
        with writing() as session:
            session.execute(update(User).where(User.id == bench.cast.tech.id).values(active=False))
        db.session.remove()
    page = bring_in(bench.client_of(bench.cast.agent), rescue_zip([expense(bench, bench.cast.tech)]))
    assert "1 of 1 records received" in page
    assert "account closed" in page
    with bench.app.app_context():
        (entry,) = logged(RESCUE)
        db.session.remove()
    assert (entry.after or {})["closed_accounts"] == [bench.cast.tech.id]


def test_the_authors_permission_counts_and_not_the_importers(bench: Bench) -> None:
    page = bring_in(bench.client_of(bench.cast.admin), rescue_zip([expense(bench, bench.cast.hr)]))
    assert "0 of 1 records received" in page
    assert "You may not do this." in page


def test_nobody_decides_in_the_name_of_another(bench: Bench) -> None:
    case = ("parts_request", str(ids.uuid7()))
    body = bench.envelope(bench.cast.leader, "parts_request.approve", case, {"reason": "fine"})
    page = bring_in(bench.client_of(bench.cast.agent), rescue_zip([body, expense(bench, bench.cast.leader)]))
    assert "A decision: its author must make it again" in page
    assert count(bench, Receipt) == 1


def test_nothing_is_planned_or_cancelled_in_the_name_of_another(bench: Bench) -> None:
    job, visit = bench.make_job()
    leader, away = bench.cast.leader, {"reason": "Not needed"}
    bodies = [
        bench.envelope(leader, "visit.cancel", ("visit", visit), away),
        bench.envelope(leader, "visit.reassign", ("visit", visit), {"technician_id": bench.cast.tech2.id, **away}),
        bench.envelope(leader, "job.cancel", ("job", job), away),
        bench.envelope(bench.cast.tech, "visit.accept", ("visit", visit), {}),
    ]
    page = bring_in(bench.client_of(bench.cast.agent), rescue_zip(bodies))
    assert page.count("A decision: its author must make it again") >= 3
    assert count(bench, Receipt) == count(bench, Receipt, Receipt.kind == "visit.accept") == 1
    assert one_of(bench, Visit, Visit.id == visit).state == "accepted"


def test_command_bus_refuses_decisions_from_a_rescue_file(bench: Bench) -> None:
    job, _ = bench.make_job()
    body = bench.envelope(bench.cast.leader, "job.cancel", ("job", job), {"reason": "Not needed"})
    actor = bench.actor(bench.cast.leader)
    with bench.app.test_request_context():
        result = execute([body], actor, IMPORT, importer=bench.cast.agent.id)[0]
        db.session.remove()
    assert (result.outcome, result.code) == ("busy", "session.needed")
    assert bench.push(bench.cast.leader, body)[0].outcome == "accepted", "its author may still send it"


def test_46_records_wait_for_each_other_across_files(bench: Bench) -> None:
    parent = expense(bench, bench.cast.tech)
    op = re.search(r'"op": "([^"]+)"', parent)
    assert op
    child = expense(bench, bench.cast.tech, depends=[op[1]])
    client = bench.client_of(bench.cast.agent)
    assert "waits for another record" in bring_in(client, rescue_zip([child]))
    assert "1 of 1 records received" in bring_in(client, rescue_zip([parent]))
    assert count(bench, ExpenseItem) == 2


def test_58_a_record_of_a_newer_version_is_kept_and_said_to_wait(bench: Bench) -> None:
    body = bench.envelope(bench.cast.tech, "dream.capture", ("dream", str(ids.uuid7())), {})
    page = bring_in(bench.client_of(bench.cast.agent), rescue_zip([body]))
    assert "after the upgrade" in page
    assert "Bring in again" in page
    assert one_of(bench, Receipt).body == body


def test_records_of_several_people_and_of_unknown_ones(bench: Bench) -> None:
    mine, yours = expense(bench, bench.cast.tech), expense(bench, bench.cast.tech2)
    nobody = expense(bench, bench.cast.tech, user=4711)
    page = bring_in(bench.client_of(bench.cast.agent), rescue_zip([mine, nobody, yours]))
    assert "2 of 3 records received" in page
    assert "Its author is not known here." in page
    assert count(bench, ExpenseItem, ExpenseItem.owner_id == bench.cast.tech2.id) == 1


def test_a_photo_is_never_put_under_somebody_elses_record(bench: Bench) -> None:
    body, photo = with_photo(bench)
    bench.push(bench.cast.tech, body)
    # Another's file claims the same photo id for a record of its own, with other bytes.
    other = {**bench.photo("receipt")[0], "id": photo[0]["id"]}
    data = bench.photo("receipt")[1]
    theirs = expense(bench, bench.cast.tech2, atts=[other])
    page = bring_in(bench.client_of(bench.cast.agent), rescue_zip([theirs], [(other, data)]))
    assert "Conflict" in page
    file = one_of(bench, Attachment)
    assert (file.user_id, file.state) == (bench.cast.tech.id, "expected")


def test_fifty_at_a_time_in_the_order_of_the_file(bench: Bench, queries: Any) -> None:
    bodies = [expense(bench, bench.cast.tech) for _ in range(120)]
    client = bench.client_of(bench.cast.agent)
    where = choose(client, rescue_zip(bodies)).headers["Location"]
    with queries() as asked:
        assert client.get(where).status_code == 200
    assert asked.count <= 12
    done = client.post(where, data={}).headers["Location"]
    with queries() as asked:
        assert "120 of 120 records received" in client.get(done).text
    assert asked.count <= 12
    assert "120 records" in client.get("/rescue").text


def test_import_requires_the_verb(bench: Bench) -> None:
    cast = bench.cast
    for person in (cast.tech, cast.leader, cast.finance, cast.manager, cast.hr):
        client = bench.client_of(person)
        assert client.get("/rescue").status_code == 403
        assert choose(client, rescue_zip([])).status_code == 403
        assert 'href="/rescue"' not in client.get("/me").text
    assert 'href="/rescue"' in bench.client_of(cast.agent).get("/me").text
    assert 'href="/rescue"' in bench.client_of(cast.admin).get("/me").text


def test_signed_out_leads_to_the_log_in(bench: Bench) -> None:
    client = bench.app.test_client()
    for path in ("/rescue", f"/rescue/files/{'0' * 64}", f"/rescue/{ids.uuid7()}"):
        assert client.get(path).status_code == 302
    assert choose(client, rescue_zip([])).status_code == 302


def test_unknown_files_and_imports_are_a_404(bench: Bench) -> None:
    client = bench.client_of(bench.cast.agent)
    for path in (f"/rescue/files/{'0' * 64}", "/rescue/files/..", "/rescue/files/secret-key", f"/rescue/{ids.uuid7()}"):
        assert client.get(path).status_code == 404, path
    assert client.post(f"/rescue/files/{'0' * 64}", data={}).status_code == 404

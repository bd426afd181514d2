"""Erasing: the number is nowhere, the books stay, a repeat is recognised, a restore erases again (D-AUD-4, ADR 38)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from sqlalchemy import event, func, select

from fieldapp.field.customers.models import Asset, Contact, Customer
from fieldapp.kernel import ids
from fieldapp.money.expenses.models import ExpenseItem
from fieldapp.platform.audit.models import AuditContent, AuditEntry
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.models import Notice, Quarantine, Receipt
from fieldapp.platform.database import Base
from fieldapp.platform.extensions import db
from tests.operations.test_restore import push, run
from tests.support.audit import logged
from tests.support.bench import Bench

NUMBER = "13912345678"


def vouchers(bench: Bench, count: int = 12) -> dict[str, str]:
    """Return frozen expenses whose notes hold the number, by the ids of their records."""
    bodies = {}
    for n in range(count):
        record = str(ids.uuid7())
        data = {"id": record, "kind": "local_transport", "amount": f"{n + 1}.50", "note": f"to 王 {NUMBER}"}
        bodies[record] = bench.envelope(bench.cast.tech, "expense_item.capture", ("expense_item", record), data)
    return bodies


def customer(bench: Bench) -> tuple[str, str]:
    """A customer with the number everywhere; return the ids of the customer and of an asset of theirs."""
    with bench.app.app_context():
        asset, site = db.session.execute(select(Asset.id, Asset.site_id)).first() or ("", "")
        with writing() as session:
            row = session.scalars(select(Customer)).one()
            row.phone, row.note = NUMBER, f"call {NUMBER}"
            session.add(Contact(id=str(ids.uuid7()), site_id=site, name="王", phone=NUMBER))
            session.add(
                Notice(
                    user_id=bench.cast.tech.id,
                    kind="x",
                    url=f"/customers/{row.id}",
                    params={"who": NUMBER},
                    created_at=func.now(),
                )
            )
            found = row.id
        db.session.remove()
    seen = {"model": "GT06-N", "serial_no": "8832019", "plate": "HA8K321"}
    base = {"ver": 1, "fields": {**seen, "sim_no": None, "mounted_at": None, "note": None}}
    sent = bench.send(bench.cast.agent, "asset.amend", ("asset", asset), {**seen, "note": NUMBER}, base=base)
    assert sent.outcome == "accepted"
    return found, asset


def erased(bench: Bench, *records: str) -> str:
    done = run(bench, "erase", *records, "--by", "admin", "--yes")
    assert done.exit_code == 0, done.output
    return done.output


def stored_values(bench: Bench) -> Iterator[str]:
    """Every value of every row of the database, as text."""
    with bench.app.app_context():
        for table in Base.metadata.sorted_tables:
            if not table.name.startswith("sample_"):
                for row in db.session.execute(select(table)):
                    yield from (one.hex() if isinstance(one, bytes) else str(one) for one in row)
        db.session.remove()


def stored_bytes(bench: Bench) -> bytes:
    """Every file of the installation: database, its log, the files beside it."""
    folder = Path(bench.app.config["DATA"])
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def amounts(bench: Bench) -> list[str]:
    with bench.app.app_context():
        found = sorted(str(one) for one in db.session.scalars(select(ExpenseItem.amount)))
        db.session.remove()
    return found


def with_customer(installed: Bench) -> tuple[dict[str, str], str, str]:
    installed.make_job(installed.cast.tech)
    found, asset = customer(installed)
    bodies = vouchers(installed)
    assert {one["outcome"] for one in push(installed, list(bodies.values()))} == {"accepted"}
    return bodies, found, asset


def leave_deleted_bytes(bench: Bench) -> None:
    """Have SQLite leave deleted rows in its free pages, as most builds of it do."""
    with bench.app.app_context():
        if db.engine.dialect.name == "sqlite":
            db.session.remove()
            db.engine.dispose()
            event.listen(db.engine, "connect", lambda driver, _: driver.execute("PRAGMA secure_delete=OFF"))


def test_erased_number_is_nowhere_and_the_books_stay(installed: Bench) -> None:
    leave_deleted_bytes(installed)
    bodies, found, _ = with_customer(installed)
    stolen = installed.envelope(
        installed.cast.leader, "asset.amend", ("asset", str(ids.uuid7())), {"note": f"{found} {NUMBER}"}
    )
    assert push(installed, [stolen])[0]["outcome"] == "wrong_user"
    books = amounts(installed)
    assert sum(NUMBER in one for one in stored_values(installed)) > 20
    said = erased(installed, f"customer:{found}", *(f"expense_item:{one}" for one in bodies))
    assert "receipts" in said
    assert [one for one in stored_values(installed) if NUMBER in one] == []
    assert NUMBER.encode() not in stored_bytes(installed)
    assert amounts(installed) == books
    checked = run(installed, "check")
    assert (checked.exit_code, "0 faults" in checked.output) == (0, True), checked.output
    with installed.app.app_context():
        captured = logged(AuditEntry.action == "expense_item.capture")
        db.session.remove()
    assert sorted((one.after or {})["amount"] for one in captured) == books
    assert all(one.erased for one in captured)


def test_no_stored_digest_gives_the_number_away_by_trying(installed: Bench) -> None:
    bodies = vouchers(installed, 1)
    push(installed, list(bodies.values()))
    ((record, body),) = bodies.items()
    plain = hashlib.sha256(body.encode()).hexdigest()
    assert plain in " ".join(stored_values(installed))
    with installed.app.app_context():
        personal = select(AuditContent.body).where(AuditContent.part == "personal")
        part = db.session.scalars(personal).one()
        db.session.remove()
    assert NUMBER in part
    erased(installed, f"expense_item:{record}")
    digests = {one for one in stored_values(installed) if len(one) == 64}
    for candidate in range(int(NUMBER) - 5_000, int(NUMBER) + 5_000):
        for whole in (body, part):
            tried = whole.replace(NUMBER, str(candidate)).encode()
            assert hashlib.sha256(tried).hexdigest() not in digests
            assert hashlib.sha256(bytes(32) + tried).hexdigest() not in digests


def test_erased_record_sent_again_is_recognised(installed: Bench) -> None:
    bodies = vouchers(installed, 2)
    push(installed, list(bodies.values()))
    record, body = next(iter(bodies.items()))
    op = json.loads(body)["op"]
    erased(installed, f"expense_item:{record}")
    client = installed.client_of(installed.cast.tech)
    known = client.post("/sync/receipts", json={"ops": [json.loads(one)["op"] for one in bodies.values()]}).json
    assert op not in [one["op"] for one in known["results"]]
    assert len(known["results"]) == 1
    again = push(installed, [body])[0]
    assert (again["outcome"], again["replayed"]) == ("accepted", True)
    assert again["sha256"] == hashlib.sha256(body.encode()).hexdigest()
    other = push(installed, [body.replace("to 王", "to 李")])[0]
    assert (other["outcome"], other["code"]) == ("id_reused", "envelope.id_reused")
    with installed.app.app_context():
        row = db.session.get(Receipt, op)
        assert row is not None
        assert "1.50" in row.body
        assert NUMBER not in row.body
        assert db.session.scalar(select(func.count()).select_from(ExpenseItem)) == 2
        assert db.session.scalar(select(func.count()).select_from(Quarantine)) == 1
        db.session.remove()


def test_held_record_that_was_erased_is_not_taken_in_later(installed: Bench) -> None:
    (record, body), (_, parent) = vouchers(installed, 2).items()
    held = json.dumps({**json.loads(body), "depends": [json.loads(parent)["op"]]})
    assert push(installed, [held])[0]["outcome"] == "held"
    erased(installed, f"expense_item:{record}")
    assert push(installed, [parent])[0]["outcome"] == "accepted"
    again = push(installed, [held])[0]
    assert (again["outcome"], again["code"], again["replayed"]) == ("rejected", "record.erased", True)
    assert len(amounts(installed)) == 1


def test_restored_backup_of_before_is_erased_again(installed: Bench, tmp_path: Path) -> None:
    bodies, found, _ = with_customer(installed)
    made = run(installed, "backup", str(tmp_path / "backup"))
    assert made.exit_code == 0, made.output
    later = vouchers(installed, 1)
    push(installed, list(later.values()))
    named = [f"customer:{found}", *(f"expense_item:{one}" for one in {**bodies, **later})]
    erased(installed, *named)
    restored = run(installed, "restore", str(tmp_path / "backup"), "--yes")
    assert restored.exit_code == 0, restored.output
    assert [one for one in stored_values(installed) if NUMBER in one] == []
    assert "0 faults" in restored.output
    # What came after the backup and was erased is not taken in anew.
    (body,) = later.values()
    again = push(installed, [body])[0]
    assert (again["outcome"], again["code"], again["replayed"]) == ("rejected", "record.erased", True)
    assert [one for one in stored_values(installed) if NUMBER in one] == []
    assert run(installed, "check").exit_code == 0
    with installed.app.app_context():
        erasures = db.session.scalar(select(func.count()).where(AuditEntry.action == "record.erase"))
        db.session.remove()
    assert erasures == 1
    assert run(installed, "prepare").exit_code == 0
    with installed.app.app_context():
        assert db.session.scalar(select(func.count()).where(AuditEntry.action == "record.erase")) == 1
        db.session.remove()


def test_check_finds_a_part_that_came_back(installed: Bench) -> None:
    bodies = vouchers(installed, 1)
    push(installed, list(bodies.values()))
    ((record, _),) = bodies.items()
    with installed.app.app_context():
        row = db.session.execute(select(AuditContent.__table__).where(AuditContent.part == "personal")).one()
        db.session.remove()
    erased(installed, f"expense_item:{record}")
    with installed.app.app_context():
        with writing() as session:
            session.execute(AuditContent.__table__.insert(), dict(row._mapping))
        db.session.remove()
    found = run(installed, "check")
    assert found.exit_code == 1
    assert f"audit entry {row.entry_id} is named by an erasure and still has its personal part" in found.output


def test_old_head_goes_with_the_first_erasure_of_an_older_entry(installed: Bench) -> None:
    first = vouchers(installed, 1)
    push(installed, list(first.values()))
    from fieldapp.kernel import clock
    from fieldapp.platform.audit import Entry, append

    with installed.app.app_context():
        with writing() as session:
            renewal = Entry(
                action="audit.renew",
                agg=("audit", str(UUID(int=0))),
                actor_id=None,
                at=clock.now(),
                after={"old_head": "1:x"},
            )
            append(session.connection(), [renewal])
        db.session.remove()
    later = vouchers(installed, 1)
    push(installed, list(later.values()))
    erased(installed, f"expense_item:{next(iter(later))}")
    with installed.app.app_context():
        assert not logged(AuditEntry.action == "audit.renew")[0].erased
        db.session.remove()
    erased(installed, f"expense_item:{next(iter(first))}")
    with installed.app.app_context():
        assert logged(AuditEntry.action == "audit.renew")[0].erased
        db.session.remove()
    assert run(installed, "check").exit_code == 0


def test_erase_needs_a_record_and_a_person(installed: Bench) -> None:
    assert run(installed, "erase", "customer:7", "--by", "admin", "--yes").exit_code == 1
    assert run(installed, "erase", f"customer:{ids.uuid7()}", "--by", "nobody", "--yes").exit_code == 1

"""Back up, go on working, lose the server, restore, and let the phones offer everything again (failure mode 38)."""

from __future__ import annotations

import base64
import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from sqlalchemy import func, select

from fieldapp import backup, create_app
from fieldapp.config import Config
from fieldapp.kernel import ids
from fieldapp.money.expenses import ExpenseItem
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus.models import Attachment, Receipt
from fieldapp.platform.extensions import db
from fieldapp.platform.sync.models import Instance
from fieldapp.services.attachments import store
from tests.support import postgres
from tests.support.bench import Bench

Kept = dict[str, tuple[dict[str, Any], bytes]]


def run(bench: Bench, *arguments: str) -> Result:
    done = bench.app.test_cli_runner().invoke(args=list(arguments))
    with bench.app.app_context():
        db.session.remove()
    return done


def expenses(bench: Bench, count: int, kept: Kept | None = None) -> list[str]:
    """Return frozen records; with `kept`, each has a photo that the phone keeps there."""
    bodies = []
    for _ in range(count):
        record_id, atts = str(ids.uuid7()), []
        if kept is not None:
            note, data = bench.photo("receipt")
            kept[note["id"]] = (note, data)
            atts = [note]
        data_of = {"id": record_id, "kind": "local_transport", "amount": "46.00"}
        bodies.append(
            bench.envelope(bench.cast.tech, "expense_item.capture", ("expense_item", record_id), data_of, atts=atts)
        )
    return bodies


def push(bench: Bench, bodies: list[str]) -> list[dict[str, Any]]:
    client = bench.client_of(bench.cast.tech)
    return [
        result
        for start in range(0, len(bodies), 50)
        for result in client.post("/sync/push", json={"ops": bodies[start : start + 50]}).json["results"]
    ]


def upload(bench: Bench, kept: Kept) -> None:
    client = bench.client_of(bench.cast.tech)
    for note, data in kept.values():
        fields = {"id": note["id"], "sha256": note["sha256"], "filename": note["name"], "role": note["role"]}
        meta = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in fields.items())
        headers = {"Upload-Length": str(len(data)), "Upload-Metadata": meta}
        assert client.post("/sync/attachments", headers=headers).status_code in {200, 201}
        headers = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        answer = client.patch(f"/sync/attachments/{note['id']}", headers=headers, data=data)
        assert answer.headers["X-Attachment-State"] == "stored"


def hello(bench: Bench) -> dict[str, Any]:
    fields = {
        "dev": json.loads(bench.envelope(bench.cast.tech, "x.y", ("x", str(ids.uuid7())), {}))["dev"],
        "ep": "0a1b2c3d",
        "user": bench.cast.tech.id,
        "build": "t",
        "next_seq": 1,
        "now": "2026-11-22T09:14:03.120Z",
    }
    answer: dict[str, Any] = bench.client_of(bench.cast.tech).post("/sync/hello", json=fields).json
    return answer


def count(bench: Bench, model: Any) -> int:
    with bench.app.app_context():
        found = db.session.scalar(select(func.count()).select_from(model))
        db.session.remove()
        return int(found or 0)


def test_38_every_record_exactly_once_after_a_restore(installed: Bench, tmp_path: Path) -> None:
    photos_before: Kept = {}
    before = expenses(installed, 60, photos_before)
    assert {result["outcome"] for result in push(installed, before)} == {"accepted"}
    upload(installed, photos_before)
    earlier = hello(installed)
    assert earlier["attachments_wanted"] == []
    copied = run(installed, "backup", str(tmp_path / "backup"))
    assert copied.exit_code == 0, copied.output
    assert "60 receipts and 60 files" in copied.output

    photos_after: Kept = {}
    after = expenses(installed, 70, photos_after)
    assert {result["outcome"] for result in push(installed, after)} == {"accepted"}
    upload(installed, photos_after)
    refused = installed.envelope(installed.cast.tech, "expense_item.capture", ("expense_item", str(ids.uuid7())), {})
    assert push(installed, [refused])[0]["outcome"] == "rejected"

    # The disk with the files is gone as well.
    with installed.app.app_context():
        for note, _ in photos_after.values():
            store.path_of(note["sha256"]).unlink()
    restored = run(installed, "restore", str(tmp_path / "backup"), "--yes")
    assert restored.exit_code == 0, restored.output
    assert "0 faults" in restored.output
    assert count(installed, ExpenseItem) == count(installed, Receipt) == 60

    later = hello(installed)
    assert later["instance"] == earlier["instance"]
    assert later["epoch"] != earlier["epoch"]
    # Phones offer everything they kept, twice over, in any order.
    answers = {result["op"]: result for result in push(installed, [*reversed(after), refused, *before])}
    for body in before:
        assert answers[json.loads(body)["op"]]["replayed"] is True
    for body in after:
        one = answers[json.loads(body)["op"]]
        assert (one["outcome"], one["replayed"]) == ("accepted", False)
    assert all(result["replayed"] for result in push(installed, [*before, *after, refused]))
    assert count(installed, ExpenseItem) == 130
    assert count(installed, Receipt) == count(installed, AuditEntry) + 1 == 131

    # Bytes that went with the server are asked for by name; those of the backup are not.
    assert sorted(wanted(installed)) == sorted(photos_after)
    upload(installed, photos_after)
    assert wanted(installed) == []
    assert run(installed, "check").stdout == "0 faults\n"


def wanted(installed: Bench) -> list[str]:
    """Return the ids of the photos that the server asks this phone for."""
    return [item["id"] for item in hello(installed)["attachments_wanted"]]


@pytest.fixture
def late(installed: Bench, tmp_path: Path) -> tuple[str, dict[str, Any], bytes]:
    """Return a record with a photo sent after the backup and again after the restore: `(body, note, bytes)`."""
    run(installed, "backup", str(tmp_path / "backup"))
    photos: Kept = {}
    bodies = expenses(installed, 1, photos)
    push(installed, bodies)
    upload(installed, photos)
    assert run(installed, "restore", str(tmp_path / "backup"), "--yes").exit_code == 0
    assert push(installed, bodies)[0]["outcome"] == "accepted"
    return bodies[0], *next(iter(photos.values()))


def state_of_the_photo(bench: Bench) -> str:
    with bench.app.app_context():
        state = db.session.scalars(select(Attachment.state)).one()
        db.session.remove()
        return state


def test_38_a_photo_nobody_has_any_more_stays_listed_as_missing(installed: Bench, late: Any) -> None:
    _, note, _ = late
    with installed.app.app_context():
        store.path_of(note["sha256"]).unlink()
    assert run(installed, "find-files").output == "0 files found\n"
    assert wanted(installed) == [note["id"]]
    assert state_of_the_photo(installed) == "expected"


def test_38_a_file_that_outlived_the_database_is_found_by_its_hash(installed: Bench, late: Any) -> None:
    assert state_of_the_photo(installed) == "expected"
    assert run(installed, "find-files").output == "1 files found\n"
    assert state_of_the_photo(installed) == "stored"
    assert wanted(installed) == []
    assert run(installed, "find-files").output == "0 files found\n"
    assert run(installed, "check").stdout == "0 faults\n"


def test_38_a_file_whose_bytes_have_changed_is_not_taken_for_it(installed: Bench, late: Any) -> None:
    _, note, _ = late
    with installed.app.app_context():
        store.path_of(note["sha256"]).write_bytes(b"other")
    assert run(installed, "find-files").output == "0 files found\n"
    assert state_of_the_photo(installed) == "expected"


def test_38_a_phone_that_still_has_it_sends_it_again(installed: Bench, late: Any) -> None:
    """A hash alone gives nobody access to a stored file; sending the bytes, or the command, does."""
    _, note, data = late
    upload(installed, {note["id"]: (note, data)})
    assert state_of_the_photo(installed) == "stored"
    assert run(installed, "check").stdout == "0 faults\n"


def test_restore_moves_the_present_installation_away(installed: Bench, tmp_path: Path) -> None:
    push(installed, expenses(installed, 3))
    run(installed, "backup", str(tmp_path / "backup"))
    push(installed, expenses(installed, 4))
    restored = run(installed, "restore", str(tmp_path / "backup"), "--yes")
    previous = next((tmp_path / "data").glob("before-restore-*"))
    assert str(previous) in restored.output
    assert count(installed, Receipt) == 3
    kept = previous / "fieldapp.sqlite3"
    if kept.exists():
        with sqlite3.connect(kept) as old:
            assert old.execute("SELECT count(*) FROM receipt").fetchone() == (7,)
    else:
        assert (previous / "fieldapp.dump").stat().st_size > 0


def test_restore_replaces_a_truncated_file(installed: Bench, tmp_path: Path) -> None:
    photos: Kept = {}
    push(installed, expenses(installed, 1, photos))
    upload(installed, photos)
    run(installed, "backup", str(tmp_path / "backup"))
    (note, data) = next(iter(photos.values()))
    with installed.app.app_context():
        store.path_of(note["sha256"]).write_bytes(data[:10])
    assert run(installed, "restore", str(tmp_path / "backup"), "--yes").stdout.endswith("0 faults\n")


def test_restore_refuses_a_database_in_use(
    installed: Bench, tmp_path: Path, database: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL detects it; on SQLite the operator has to stop the server."""
    if not database[1]:
        assert "Stop the server first" in run(installed, "restore", "--help").output
        return
    push(installed, expenses(installed, 2))
    run(installed, "backup", str(tmp_path / "backup"))
    monkeypatch.setattr(backup, "LOCK_WAIT", "100ms")
    with installed.app.app_context():
        url = db.engine.url.render_as_string(hide_password=False).replace("postgresql+psycopg", "postgresql")
        db.session.remove()
    with psycopg.connect(url) as server:
        server.execute("SELECT count(*) FROM receipt")
        done = run(installed, "restore", str(tmp_path / "backup"), "--yes")
    assert done.exit_code == 1
    assert "the database is in use" in done.output
    assert count(installed, Receipt) == 2


def test_restore_into_an_empty_installation(installed: Bench, tmp_path: Path, database: tuple[str, str]) -> None:
    """Restore on a new machine: a new folder, and for PostgreSQL a new and empty database."""
    photos: Kept = {}
    push(installed, expenses(installed, 3, photos))
    upload(installed, photos)
    run(installed, "backup", str(tmp_path / "backup"))
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(postgres.another(database[1])) if database[1] else ""
        fresh = Bench(create_app(Config(data=tmp_path / "new", database_url=url, testing=True)))
        fresh.cast = installed.cast
        done = run(fresh, "restore", str(tmp_path / "backup"), "--yes")
        assert done.exit_code == 0, done.output
        assert "What was here before" not in done.output
        assert count(fresh, ExpenseItem) == count(fresh, Receipt) == 3
        keys = {(tmp_path / item / "secret-key").read_text() for item in ("data", "new")}
        assert len(keys) == 1, "people stay signed in"
        with fresh.app.app_context():
            assert all(store.path_of(note["sha256"]).exists() for note, _ in photos.values())
            db.session.remove()
            db.engine.dispose()


def test_restore_asks_for_confirmation(installed: Bench, tmp_path: Path) -> None:
    run(installed, "backup", str(tmp_path / "backup"))
    push(installed, expenses(installed, 1))
    asked = installed.app.test_cli_runner().invoke(args=["restore", str(tmp_path / "backup")], input="n\n")
    assert asked.exit_code == 1
    assert count(installed, Receipt) == 1


def test_a_backup_never_writes_over_another(installed: Bench, tmp_path: Path) -> None:
    assert run(installed, "backup", str(tmp_path / "backup")).exit_code == 0
    again = run(installed, "backup", str(tmp_path / "backup"))
    assert again.exit_code == 1
    assert "never writes over another" in again.output


def test_a_backup_says_which_files_are_bad(installed: Bench, tmp_path: Path) -> None:
    photos: Kept = {}
    push(installed, expenses(installed, 2, photos))
    upload(installed, photos)
    digests = sorted(note["sha256"] for note, _ in photos.values())
    with installed.app.app_context():
        store.path_of(digests[0]).unlink()
        store.path_of(digests[1]).write_bytes(b"x")
    done = run(installed, "backup", str(tmp_path / "backup"))
    assert done.exit_code == 1
    for digest in digests:
        assert f"file {digest} is missing or its bytes have changed" in done.output


def spoil(folder: Path, how: str) -> None:
    facts = json.loads((folder / "backup.json").read_text())
    if how == "no list":
        (folder / "backup.json").unlink()
    elif how == "list garbled":
        (folder / "backup.json").write_text("{")
    elif how == "database gone":
        (folder / facts["database"]).unlink()
    elif how == "database changed":
        with (folder / facts["database"]).open("ab") as file:
            file.write(b"x")
    elif how == "newer format":
        (folder / "backup.json").write_text(json.dumps({**facts, "format": 2}))


@pytest.mark.parametrize("how", ["no list", "list garbled", "database gone", "database changed", "newer format"])
def test_damaged_backup_is_refused_without_effect(installed: Bench, tmp_path: Path, how: str) -> None:
    folder = tmp_path / "backup"
    run(installed, "backup", str(folder))
    spoil(folder, how)
    push(installed, expenses(installed, 1))
    with installed.app.app_context():
        epoch = db.session.scalar(select(Instance.epoch))
        db.session.remove()
    done = run(installed, "restore", str(folder), "--yes")
    assert done.exit_code == 1
    assert "backup" in done.output
    assert count(installed, Receipt) == 1
    with installed.app.app_context():
        assert db.session.scalar(select(Instance.epoch)) == epoch
        db.session.remove()


def test_backup_during_writes_is_a_consistent_snapshot(installed: Bench, tmp_path: Path) -> None:
    """The copy is consistent: no effect without its receipt."""
    push(installed, expenses(installed, 20))
    done = run(installed, "backup", str(tmp_path / "backup"))
    facts = json.loads((tmp_path / "backup" / "backup.json").read_text())
    assert done.exit_code == 0
    assert (facts["receipts"], facts["trail"], facts["files"]) == (20, 20, 0)
    assert facts["revision"]
    assert facts["instance"]

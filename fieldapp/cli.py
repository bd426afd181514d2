"""`flask --app wsgi …`: prepare, demo, create-user, reset-link, check, reindex, backup, restore, erase, find-files,
tick, consume, serve."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from flask_babel import force_locale
from flask_migrate import upgrade
from sqlalchemy import select

from fieldapp.config import Config
from fieldapp.kernel import clock, ids
from fieldapp.platform import search
from fieldapp.platform.audit import Head, head
from fieldapp.platform.commandbus import erasing, writing
from fieldapp.platform.extensions import INSTANCE_ID, db
from fieldapp.platform.web.hosts import address_of
from fieldapp.services.accounts.models import Group, Membership, User
from fieldapp.services.accounts.passwords import hash_password, password_problem
from fieldapp.services.accounts.roles import NAMES
from fieldapp.services.schedule import Sweeper, drain, server_name
from fieldapp.startup import check_database


def init_app(app: Flask) -> None:
    """Register the commands."""
    accounts = (create_user, reset_link)
    care = (check, reindex, backup, restore, erase, find_files)
    for cli_command in (prepare, demo, *accounts, *care, tick, consume, serve):
        app.cli.add_command(cli_command)


@click.command()
@click.option("--demo/--no-demo", "with_demo", default=False, help="Fill an empty database with the demo data.")
@with_appcontext
def prepare(with_demo: bool) -> None:
    """Migrate the database; fill an empty one with demo data if asked."""
    _migrate()
    if with_demo and db.session.scalar(select(User.id).limit(1)) is None:
        _fill()


@click.command()
@with_appcontext
def demo() -> None:
    """Fill an empty database with the demo data."""
    if db.session.scalar(select(User.id).limit(1)) is not None:
        click.echo("The database is not empty; nothing was changed.")
        sys.exit(1)
    _fill()


def _fill() -> None:
    from fieldapp.demo import fill

    fill()
    click.echo("Demo data are in. Sign in as tech1, lead1, finance, … with the password demo-field-2026.")


@click.command("reset-link")
@click.argument("username")
@with_appcontext
def reset_link(username: str) -> None:
    """Create a link with which USERNAME sets a new password; valid once and for 24 hours."""
    from fieldapp.services.accounts import resets

    with writing() as session:
        user = session.scalar(select(User).where(User.username == username))
        secret = resets.create_link(session, user.id, None) if user else None
    if secret is None:
        raise click.ClickException(f"There is no open account {username}.")
    hint = "" if current_app.config["ADDRESSES"] else " Open it behind the address of this installation:"
    click.echo(f"Good for 24 hours and once.{hint} {address_of(f'/reset#{secret}')}")


def _check_password(password: str, *about: str) -> None:
    problem = password_problem(password, *about)
    if problem is not None:
        with force_locale("en"):
            raise click.ClickException(str(problem))


@click.command("create-user")
@click.argument("username")
@click.option("--name", required=True)
@click.option("--role", "roles", multiple=True, type=click.Choice(sorted(NAMES)), required=True)
@click.option("--group", "group_name", help="Name of the group the roles are for; made when it is new.")
@click.option("--city", default="", help="Home city of a new group.")
@click.password_option()
@with_appcontext
def create_user(username: str, name: str, roles: tuple[str, ...], group_name: str, city: str, password: str) -> None:
    """Create an account."""
    _check_password(password, username, name)
    with writing() as session:
        group = None
        if group_name:
            group = session.scalar(select(Group).where(Group.name == group_name))
            if group is None:
                group = Group(name=group_name, city=city)
                session.add(group)
        user = User(
            username=username,
            name=name,
            password_hash=hash_password(password),
            created_at=clock.now(),
        )
        session.add(user)
        session.flush()
        group_id = group.id if group else None
        session.add_all(
            Membership(user_id=user.id, group_id=group_id, role=role, from_on=clock.today()) for role in roles
        )
    click.echo(f"{username} can sign in.")


class _HeadType(click.ParamType):
    """`NUMBER:HASH`, as `check` and `backup` print it."""

    name = "number:hash"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Head:
        """Return the head; fail with a sentence where it is none."""
        number, _, digest = value.partition(":")
        if not re.fullmatch(r"\d{1,18}", number) or not re.fullmatch(r"[0-9a-f]{64}", digest):
            self.fail("a head is a number, a colon and 64 hexadecimal digits", param, ctx)
        return Head(int(number), digest, None)


@click.command()
@click.option("--head", "outside", type=_HeadType(), help="A head of the audit log that was kept outside.")
@with_appcontext
def check(outside: Head | None) -> None:
    """Verify receipts and effects, files, the audit log and every feature's checks. Exit 1 on faults."""
    sys.exit(_run_checks(outside))


def _run_checks(outside: Head | None = None) -> int:
    from fieldapp.integrity import faults

    lines = list(faults(outside))
    for line in lines:
        click.echo(line)
    click.echo(f"{len(lines)} faults")
    present = head(db.session.connection())
    # To stderr: what reads the faults from stdout gets faults alone.
    click.echo(f"Head of the audit log: {present}{f' at {clock.iso(present.at)}' if present.at else ''}", err=True)
    if outside is None:
        click.echo("Without --head, entries cut off at the end and a log written anew cannot be seen.", err=True)
    return 1 if lines else 0


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@with_appcontext
def backup(folder: Path) -> None:
    """Copy database and files into an empty FOLDER while the server runs, and verify the copy."""
    from fieldapp.backup import BackupError
    from fieldapp.backup import backup as copy

    try:
        facts = copy(folder)
    except BackupError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{facts['receipts']} receipts and {facts['files']} files are in {folder}.")
    for digest in facts["bad_files"]:
        click.echo(f"file {digest} is missing or its bytes have changed")
    sys.exit(1 if facts["bad_files"] else 0)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--yes", is_flag=True, help="The server is stopped, and what is here may be put aside.")
@with_appcontext
def restore(folder: Path, yes: bool) -> None:
    """Replace this installation by a backup. Stop the server first; phones then offer again what they sent."""
    from fieldapp.backup import BackupError
    from fieldapp.backup import restore as restore_backup

    if not yes:
        click.confirm("Is the server stopped? What is here now is put aside, not deleted. Go on?", abort=True)
    try:
        previous = restore_backup(folder)
    except BackupError as error:
        raise click.ClickException(str(error)) from None
    click.echo("Restored. Phones offer again what they sent in the last 30 days.")
    if previous:
        click.echo(f"What was here before is in {previous}.")
    sys.exit(_run_checks())


@click.command()
@click.argument("records", nargs=-1, required=True, metavar="TYPE:ID…")
@click.option("--by", "username", required=True, help="User name of who decided it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
def erase(records: tuple[str, ...], username: str, yes: bool) -> None:
    """Erase the personal data of records for good, from the audit log, receipts, notices and search, too.

    Backups that were made before hold them still; a restore erases them again.
    """
    named = [(kind, record) for kind, _, record in (one.partition(":") for one in records)]
    if bad := [one for one, (kind, record) in zip(records, named, strict=True) if not kind or not ids.is_uuid(record)]:
        raise click.ClickException(f"{bad[0]} is no record; name it as customer:<id>, job:<id>, …")
    by = db.session.scalar(select(User.id).where(User.username == username))
    if by is None:
        raise click.ClickException(f"There is no account {username}.")
    if not yes:
        click.confirm(f"Erase the personal data of {len(named)} records? It cannot be taken back.", abort=True)
    done = erasing.erase(named, by)
    click.echo(
        f"Erased: {len(done.records)} records, {len(done.entries)} entries of the audit log, "
        f"{len(done.receipts)} receipts. Take a backup, and delete older ones when their time is over."
    )


@click.command("find-files")
@with_appcontext
def find_files() -> None:
    """After a restore: mark attachments as complete if a file with their hash exists."""
    from fieldapp.backup import find_files as find

    click.echo(f"{find()} files found")


@click.command()
@with_appcontext
def reindex() -> None:
    """Rebuild the search index, for records that were changed without the application."""
    with writing() as session:
        search.refresh(session.connection())
    click.echo("The search index holds every record as it is written.")


@click.command()
@click.option("--at", help="A moment such as 2026-12-01T09:00+08:00; now where none is given.")
@with_appcontext
def tick(at: str | None) -> None:
    """Do what is due, with the clock standing at a moment, until nothing is due then."""
    try:
        moment = clock.parse_iso(at) if at else clock.now()
    except ValueError as error:
        raise click.BadParameter(
            f"{error}: a moment such as 2026-12-01T09:00+08:00, please", param_hint="--at"
        ) from None
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    with clock.standing_at(moment):
        click.echo(f"{drain(app, moment)} tries")


@click.command()
@with_appcontext
def consume() -> None:
    """Do due work until SIGINT or SIGTERM, beside servers that do not run `serve`."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    sweeper = Sweeper(app, server_name("consume"))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sweeper.stop())
    sweeper.run()


@click.command()
@click.option("--demo/--no-demo", "with_demo", default=False)
@with_appcontext
def serve(with_demo: bool) -> None:
    """Migrate and serve (HOST, PORT, FIELDAPP_WORKERS)."""
    from fieldapp.platform import serving

    config = Config.from_environment()
    try:
        # On SQLite a second server is a mistake: it would use the same database under another port.
        alone = db.engine.dialect.name == "sqlite"
        with serving.reserve(config.host, config.port, config.data, alone) as listener:
            _migrate()
            if with_demo and db.session.scalar(select(User.id).limit(1)) is None:
                _fill()
            db.session.remove()
            db.engine.dispose()
            click.echo(f"Serving http://{config.host}:{config.port}")
            serving.run("wsgi:server", listener, config.workers, config.data)
    except serving.CannotServe as error:
        raise click.ClickException(str(error)) from None


def _migrate() -> None:
    check_database(db.engine, Path(current_app.root_path) / "migrations")
    upgrade()
    erasing.repeat()
    # At start and not at the first page, which would fail if nothing can be stored by then.
    INSTANCE_ID()()

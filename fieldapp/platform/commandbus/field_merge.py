"""Merge by field: a command changes a record that somebody else changed since the author saw it (ADR 17)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from babel.dates import format_date, format_skeleton
from flask_babel import get_locale, gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from fieldapp.errors import Conflict
from fieldapp.kernel import clock
from fieldapp.platform.audit import AuditEntry, contents_of
from fieldapp.platform.commandbus.command import Command, Context, Data, Merged
from fieldapp.platform.commandbus.field_changes import FieldKey, LastChange, last_changes
from fieldapp.platform.commandbus.merge import plain, seen, three_way
from fieldapp.platform.commandbus.names import actor_name, with_actor

#: So many audit entries are read for the page that shows a record's changes.
MAX_ENTRIES = 200


@dataclass(frozen=True)
class Change:
    """One change of one field with both values, from the audit log, to be shown."""

    field: str
    before: Any
    after: Any
    who: str
    at: datetime
    merged: bool = False


def merge_fields(
    ctx: Context, command: Command, record: Any, data: Data, in_batch: Mapping[FieldKey, LastChange]
) -> Data:
    """Return `data` with only those merged fields that are to be written; other fields are unchanged.

    `in_batch` are changes of this batch, which are not stored yet.

    Changes of different fields are merged. If both changed one field: the author's own earlier change is replaced, the
    office's value stays in fields where the office decides, else raise Conflict with both values.
    """
    merges = command.merges
    if merges is None:
        return data
    theirs = {name: plain(value) for name, value in merges.now(record).items()}
    said = ctx.envelope.base
    base = seen(said.fields if said else None, said.ver if said else None, merges.ver(record), theirs)
    mine = {name: plain(data.get(name)) for name in theirs if name in data or name in base}
    verdict = three_way(base, mine, theirs)
    last = _last_changes(ctx, (*verdict.disputed, *verdict.theirs), in_batch)
    own = {name for name, change in last.items() if change.actor_id == ctx.actor.id}
    kept = {name for name in verdict.disputed if name in merges.office} - own
    disputed = [name for name in verdict.disputed if name not in own | kept]
    through = {*verdict.mine, *own.intersection(verdict.disputed)}
    if disputed:
        raise _conflict(command, _MergeConflict(mine, theirs, through, disputed, last), merges.ver(record))
    changes = {name: data.get(name) for name in theirs if name in through}
    others = tuple(name for name in verdict.theirs if name not in own)
    ctx.merged = Merged(changes, others, {name: (mine[name], theirs[name]) for name in sorted(kept)})
    return {**{name: value for name, value in data.items() if name not in theirs}, **changes}


@dataclass(frozen=True)
class _MergeConflict:
    """Both values of every field, the fields that are written, those in dispute, and who changed them last."""

    mine: Data
    theirs: Data
    undisputed: set[str]
    disputed: list[str]
    last: dict[str, LastChange]


def _conflict(command: Command, met: _MergeConflict, ver: int) -> Conflict:
    """Return the error: both values of every disputed field in words, and the data of a new record that decides."""
    told = [_conflict_detail(command, met, name) for name in met.disputed]
    rebased = {name: met.mine[name] if name in met.undisputed else now for name, now in met.theirs.items()}
    card = {"ver": ver, "fields": met.theirs, "data": rebased, "disputed": told}
    error = Conflict("record.changed_meanwhile", _l("Somebody else changed the same field meanwhile."), {"merge": card})
    error.problems = {one["name"]: [one["words"]] for one in told}
    return error


def _conflict_detail(command: Command, met: _MergeConflict, name: str) -> Data:
    mine, theirs = format_value(command, name, met.mine[name]), format_value(command, name, met.theirs[name])
    change = met.last.get(name)
    if change is None:
        words = gettext("You wrote: %(mine)s. Meanwhile it was changed to: %(theirs)s.", mine=mine, theirs=theirs)
    else:
        words = gettext(
            "You wrote: %(mine)s. Meanwhile %(who)s wrote: %(theirs)s, %(when)s.",
            mine=mine,
            who=change.who,
            theirs=theirs,
            when=_moment(change.at),
        )
    return {
        "name": name,
        "label": label_of(command, name),
        "mine": met.mine[name],
        "theirs": met.theirs[name],
        "mine_words": mine,
        "theirs_words": theirs,
        "words": words,
    }


def label_of(command: Command, name: str) -> str:
    """Return the field's label in the person's language."""
    return str(command.schema.load_fields[name].metadata.get("label", name))


def format_value(command: Command, name: str, value: Any) -> str:
    """Return a stored value as text: the label of a choice, a day, a day with time, or `nothing`."""
    meta = command.schema.load_fields[name].metadata
    options = meta.get("options") or ()
    for one, words in () if callable(options) else options:
        if one == value:
            return str(words)
    if value is None:
        return gettext("nothing")
    if meta.get("widget") == "datetime":
        return _moment(datetime.fromisoformat(value).replace(tzinfo=clock.BUSINESS_ZONE))
    if meta.get("widget") == "date":
        return str(format_date(date.fromisoformat(value), locale=get_locale()))
    return str(value)


def _moment(at: datetime) -> str:
    day = format_skeleton("MMMd", at, tzinfo=clock.BUSINESS_ZONE, locale=get_locale())
    return f"{day} {clock.local(at):%H:%M}"


# -- the history of a record's fields --------------------------------------------------------------------------


def _last_changes(ctx: Context, names: Sequence[str], in_batch: Mapping[FieldKey, LastChange]) -> dict[str, LastChange]:
    """Return the last change of each of these fields, by its name."""
    if not names:
        return {}
    agg = ctx.envelope.agg
    found = last_changes(ctx.session, agg, names)
    found.update((name, in_batch[*agg, name]) for name in names if (*agg, name) in in_batch)
    return found


def field_history(
    session: Session, agg: tuple[str, str], names: Iterable[str], limit: int = MAX_ENTRIES
) -> list[Change]:
    """Return the changes of a record's fields from the audit log, newest first, to be shown; two queries."""
    wanted = tuple(names)
    entries: Any = select(AuditEntry.id, AuditEntry.at)
    query = (
        with_actor(entries, AuditEntry.actor_id)
        .where(AuditEntry.agg_type == agg[0], AuditEntry.agg_id == agg[1])
        .order_by(AuditEntry.id.desc())
        .limit(limit)
    )
    rows = session.execute(query).all()
    contents = contents_of(session, [row[0] for row in rows])
    read = ((*contents[number][:2], at, kind, who) for number, at, kind, who in rows)
    return [
        Change(name, before.get(name), after[name], actor_name(kind, who), at, bool(after.get("merged_with")))
        for before, after, at, kind, who in read
        if before and after
        for name in wanted
        if name in before and name in after and before[name] != after[name]
    ]


# -- what a command does with it -------------------------------------------------------------------------------


def audit_diff(ctx: Context, before: Data) -> tuple[Data, Data]:
    """Return `before` and `after` for the audit log: the changed fields, and what was merged or not applied."""
    changes = {name: plain(value) for name, value in ctx.merged.changes.items()}
    marks: Data = {}
    if changes and ctx.merged.theirs:
        marks["merged_with"] = list(ctx.merged.theirs)
    if ctx.merged.kept:
        marks["not_applied"] = {name: mine for name, (mine, _) in ctx.merged.kept.items()}
    return {name: plain(before.get(name)) for name in changes}, changes | marks


def merge_note(ctx: Context, command: Command) -> str | None:
    """Return the note of the receipt: which fields were merged, and which stay as the office has them."""
    sentences = []
    if ctx.merged.changes and ctx.merged.theirs:
        names = ", ".join(label_of(command, name) for name in ctx.merged.theirs)
        sentences.append(gettext("Merged; somebody else had changed meanwhile: %(fields)s.", fields=names))
    for name, (_, theirs) in ctx.merged.kept.items():
        words = gettext(
            "%(field)s stays as the office has it: %(value)s.",
            field=label_of(command, name),
            value=format_value(command, name, theirs),
        )
        sentences.append(words)
    return " ".join(sentences) or None

"""The command bus: the only way anything is written (docs/architecture.md).

Others import from here: `command`, `Command`, `Context`, `Effect`, `execute`, `Result`, `writing`, `known_receipts`.
"""

from fieldapp.platform.commandbus.bus import execute
from fieldapp.platform.commandbus.channels import API, CLOCK, IMPORT, LINK, SYNC, WEB, Channel
from fieldapp.platform.commandbus.command import UNDO, Command, Context, Effect, Photos, command
from fieldapp.platform.commandbus.discarded import decide_dependents, mark_discarded
from fieldapp.platform.commandbus.due_work import DUE_KINDS, WHEN_HELD, Due, DueData, DueKind, DueWork, Overtaken
from fieldapp.platform.commandbus.envelope import AttachmentNote, BadEnvelope, Base, Envelope, parse, web_envelope
from fieldapp.platform.commandbus.erasing import ERASERS, Erasure
from fieldapp.platform.commandbus.field_merge import (
    Change,
    audit_diff,
    field_history,
    format_value,
    label_of,
    merge_note,
)
from fieldapp.platform.commandbus.ledger import known_receipts
from fieldapp.platform.commandbus.merge import Merges, plain
from fieldapp.platform.commandbus.numbers import Numbers
from fieldapp.platform.commandbus.owned import OwnedRecord
from fieldapp.platform.commandbus.perform import NotDone, perform
from fieldapp.platform.commandbus.records import (
    Loaded,
    create,
    facts_named,
    new_id,
    next_state,
    on_facts,
    record,
    record_and_facts,
    record_or_none,
    require_new,
)
from fieldapp.platform.commandbus.result import Result
from fieldapp.platform.commandbus.system import system_actor, system_envelope
from fieldapp.platform.commandbus.transaction import writing
from fieldapp.platform.commandbus.waiting import decide_held_record, refuse_waiting

__all__ = [
    "API",
    "CLOCK",
    "DUE_KINDS",
    "ERASERS",
    "IMPORT",
    "LINK",
    "SYNC",
    "UNDO",
    "WEB",
    "WHEN_HELD",
    "AttachmentNote",
    "BadEnvelope",
    "Base",
    "Change",
    "Channel",
    "Command",
    "Context",
    "Due",
    "DueData",
    "DueKind",
    "DueWork",
    "Effect",
    "Envelope",
    "Erasure",
    "Loaded",
    "Merges",
    "NotDone",
    "Numbers",
    "Overtaken",
    "OwnedRecord",
    "Photos",
    "Result",
    "audit_diff",
    "command",
    "create",
    "decide_dependents",
    "decide_held_record",
    "execute",
    "facts_named",
    "field_history",
    "format_value",
    "known_receipts",
    "label_of",
    "mark_discarded",
    "merge_note",
    "new_id",
    "next_state",
    "on_facts",
    "parse",
    "perform",
    "plain",
    "record",
    "record_and_facts",
    "record_or_none",
    "refuse_waiting",
    "require_new",
    "system_actor",
    "system_envelope",
    "web_envelope",
    "writing",
]

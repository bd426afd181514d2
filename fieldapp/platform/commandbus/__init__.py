"""The command bus: the only way anything is written (docs/architecture.md).

Others import from here: `command`, `Command`, `Context`, `Effect`, `execute`, `Result`, `writing`, `known_receipts`.
"""

from fieldapp.platform.commandbus.bus import execute
from fieldapp.platform.commandbus.channels import API, CLOCK, IMPORT, LINK, SYNC, WEB, Channel
from fieldapp.platform.commandbus.command import UNDO, Command, Context, Effect, Photos, command
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
from fieldapp.platform.commandbus.result import Result
from fieldapp.platform.commandbus.system import system_actor, system_envelope
from fieldapp.platform.commandbus.transaction import writing
from fieldapp.platform.commandbus.waiting import decide_held_record, refuse_waiting

__all__ = [
    "API",
    "CLOCK",
    "ERASERS",
    "IMPORT",
    "LINK",
    "SYNC",
    "UNDO",
    "WEB",
    "AttachmentNote",
    "BadEnvelope",
    "Base",
    "Change",
    "Channel",
    "Command",
    "Context",
    "Effect",
    "Envelope",
    "Erasure",
    "Merges",
    "Photos",
    "Result",
    "audit_diff",
    "command",
    "decide_held_record",
    "execute",
    "field_history",
    "format_value",
    "known_receipts",
    "label_of",
    "merge_note",
    "parse",
    "plain",
    "refuse_waiting",
    "system_actor",
    "system_envelope",
    "web_envelope",
    "writing",
]

"""The door: the only way anything is written (docs/architecture.md).

Others import from here: `command`, `Command`, `Context`, `Effect`, `execute`, `Result`, `writing`, `known_receipts`.
"""

from fieldapp.platform.commandbus.command import UNDO, Command, Context, Effect, Photos, command
from fieldapp.platform.commandbus.door import execute
from fieldapp.platform.commandbus.envelope import AttachmentNote, BadEnvelope, Base, Envelope, desk_envelope, parse
from fieldapp.platform.commandbus.fieldwise import Change, before_and_after, field_history, label_of, note_of, said
from fieldapp.platform.commandbus.ledger import known_receipts
from fieldapp.platform.commandbus.merge import Merges, plain
from fieldapp.platform.commandbus.result import Result
from fieldapp.platform.commandbus.transaction import writing
from fieldapp.platform.commandbus.waiting import decide_apart, refuse_waiting

__all__ = [
    "UNDO",
    "AttachmentNote",
    "BadEnvelope",
    "Base",
    "Change",
    "Command",
    "Context",
    "Effect",
    "Envelope",
    "Merges",
    "Photos",
    "Result",
    "before_and_after",
    "command",
    "decide_apart",
    "desk_envelope",
    "execute",
    "field_history",
    "known_receipts",
    "label_of",
    "note_of",
    "parse",
    "plain",
    "refuse_waiting",
    "said",
    "writing",
]

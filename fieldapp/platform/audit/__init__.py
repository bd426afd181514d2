"""The audit log: a hash chain over salted commitments; the contents stand beside it and can be erased (ADR 38)."""

from fieldapp.platform.audit.chain import Entry, Head, append, canonical, head, prepare_entries
from fieldapp.platform.audit.checking import ERASE, ERASURE, erasures, faults
from fieldapp.platform.audit.erasing import erase_personal_parts, facts_of
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.audit.personal import FACT_NAMES, SCHEMAS
from fieldapp.platform.audit.reading import Contents, contents_of

__all__ = [
    "ERASE",
    "ERASURE",
    "FACT_NAMES",
    "SCHEMAS",
    "AuditEntry",
    "Contents",
    "Entry",
    "Head",
    "append",
    "canonical",
    "contents_of",
    "erase_personal_parts",
    "erasures",
    "facts_of",
    "faults",
    "head",
    "prepare_entries",
]

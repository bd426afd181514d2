"""The result of one envelope."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: Outcomes that never change; for any other outcome the same bytes may be sent again.
FINAL = frozenset({"accepted", "rejected", "conflict"})


@dataclass
class Result:
    """`outcome` is one of accepted, held, conflict, rejected, wrong_user, busy, unsupported_schema, id_reused."""

    op: str | None
    sha256: str
    outcome: str
    replayed: bool = False
    ref: str | None = None
    ver: int | None = None
    problems: dict[str, list[str]] = field(default_factory=dict)
    current: dict[str, Any] | None = None
    needs: list[str] = field(default_factory=list)
    code: str | None = None
    #: Not a part of the answer: the receipt was erased, and `sha256` is what `recognises()` compares.
    erased = False

    def wire(self) -> dict[str, Any]:
        """Return the result as it stands in the answer to a push (docs/sync-protocol.md)."""
        return {
            "op": self.op,
            "sha256": self.sha256,
            "outcome": self.outcome,
            "replayed": self.replayed,
            "ref": self.ref,
            "ver": self.ver,
            "problems": self.problems,
            "current": self.current,
            "needs": self.needs,
            "code": self.code,
        }

    def kept(self) -> dict[str, Any]:
        """Return what the receipt stores in `detail`."""
        kept = {"problems": self.problems, "current": self.current, "needs": self.needs, "code": self.code}
        return {name: value for name, value in kept.items() if value}

"""Who downloads lists."""

from __future__ import annotations

from fieldapp.kernel.offers import Offer

offer = Offer(
    grants={role: ("list.export",) for role in ("leader", "agent", "manager", "purchasing", "executive")},
)

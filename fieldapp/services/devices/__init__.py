"""Phones: a person's own, and for leaders which ones hold or have lost records (D-CASH-2).

Public: `Device`, `elsewhere` (other stores of the person with unsent records), `losses` (missing records, for the
template services/devices/_lost.html), `tell_of_closed_accounts`, `told_enough`.
"""

from fieldapp.services.devices.closed import tell_of_closed_accounts
from fieldapp.services.devices.manifest import losses
from fieldapp.services.devices.models import Device
from fieldapp.services.devices.queries import elsewhere, told_enough

__all__ = ["Device", "elsewhere", "losses", "tell_of_closed_accounts", "told_enough"]

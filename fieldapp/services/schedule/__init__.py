"""Due work: when the system does it, what is late or parked, and the clocks of the servers (ADR 39)."""

from fieldapp.services.schedule.draining import drain
from fieldapp.services.schedule.sweeper import Sweeper, server_name

__all__ = ["Sweeper", "drain", "server_name"]

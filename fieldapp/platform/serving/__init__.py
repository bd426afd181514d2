"""Server process: a request takes a thread only after its body has arrived and until its response is ready."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fieldapp.config import Config
from fieldapp.platform.serving.bodies import Pace
from fieldapp.platform.serving.gateway import Background, Gateway
from fieldapp.platform.serving.process import CannotServe, incoming, reserve, run


def gateway_for(application: Any, config: Config, background: Sequence[Background] = ()) -> Gateway:
    """Return the RSGI application that `serve` runs, with the limits of the configuration.

    `background` is started in every worker process.
    """
    pace = Pace(idle=float(config.body_seconds), grace=2.0 * config.body_seconds)
    return Gateway(
        application, incoming(config.data), config.max_request_bytes, config.trust_proxy, pace, None, background
    )


__all__ = ["CannotServe", "Gateway", "gateway_for", "reserve", "run"]

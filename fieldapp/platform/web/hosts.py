"""The addresses of this installation: which hosts are answered, and the only place that makes a whole address."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, current_app, request
from flask_babel import gettext

from fieldapp.errors import BadRequest

#: Load balancers and container engines ask for it by number.
ANY_HOST = "/healthz"


def init_app(app: Flask, addresses: tuple[str, ...]) -> None:
    """Refuse requests for other hosts than those of `addresses`; without any, every host is accepted."""
    app.config["ADDRESSES"] = addresses
    hosts = frozenset(urlsplit(address).netloc for address in addresses)
    if not hosts:
        return

    @app.before_request
    def known_host_only() -> None:
        if request.host.lower() not in hosts and request.path != ANY_HOST:
            raise BadRequest("request.foreign_host", gettext("This server does not answer under this address."))


def address_of(path: str) -> str:
    """Return `path` behind the configured address; `path` alone where none is configured.

    Never behind the `Host` of the request: whoever sends the request chooses it.
    """
    addresses: tuple[str, ...] = current_app.config["ADDRESSES"]
    return addresses[0] + path if addresses else path

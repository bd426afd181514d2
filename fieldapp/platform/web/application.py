"""Flask, without what it asks anew around every request and this product knows once and for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.routing import MapAdapter
from werkzeug.wsgi import get_host


class Application(Flask):
    """No view is a coroutine, and one map of addresses serves every host."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself."""
        return func

    def create_url_adapter(self, request: Any) -> MapAdapter | None:
        """As Flask does it where neither a server's name nor hosts to trust are set."""
        if request is None or self.config["SERVER_NAME"] or self.config["TRUSTED_HOSTS"] is not None:
            return super().create_url_adapter(request)
        environ = request.environ
        request.host = get_host(environ)
        return self.url_map.bind(
            request.host,
            _text(environ.get("SCRIPT_NAME", "")),
            "",
            environ["wsgi.url_scheme"],
            environ["REQUEST_METHOD"],
            _text(environ.get("PATH_INFO", "")),
            _text(environ.get("QUERY_STRING", "")),
        )


def _text(octets: str) -> str:
    """What stands in an environ, whose characters are the octets that came (PEP 3333)."""
    return octets if octets.isascii() else octets.encode("latin-1").decode(errors="replace")

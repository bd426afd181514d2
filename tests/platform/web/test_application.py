"""What the product answers for Flask around every request, against what Flask says itself."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.test import EnvironBuilder

from fieldapp.platform.web.application import Application


def place(kind: type[Flask], environ: dict[str, Any]) -> Any:
    """The parts of an address as the map of addresses sees them, or the error it comes to."""
    app = kind("x")
    app.add_url_rule("/jobs/<name>", "job", lambda name: name)
    try:
        with app.request_context(environ) as context:
            adapter = context.url_adapter
            assert adapter is not None
            parts = ("server_name", "script_name", "subdomain", "url_scheme", "path_info", "default_method")
            built = adapter.build("job", {"name": "a"}, force_external=True)
            try:
                matched: Any = adapter.match()
            except HTTPException as error:
                matched = error.code
            return [getattr(adapter, part) for part in parts], adapter.query_args, built, matched
    except HTTPException as error:
        return error.code


HOSTS = [
    "localhost",
    "127.0.0.1:5000",
    "Field.Example:443",
    "field.example:80",
    "\u4f8b.example",
    "[::1]:5000",
    "a b",
    "",
]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", ["/jobs/1", "//jobs/1", "/jobs/\u5de5?q=\u5929", "/%2e%2e/", ""])
@pytest.mark.parametrize("script", ["", "/below"])
def test_addresses_mean_what_they_mean_to_flask(host: str, path: str, script: str) -> None:
    def environ() -> dict[str, Any]:
        made = EnvironBuilder(path=path.partition("?")[0] or "/", query_string=path.partition("?")[2]).get_environ()
        return {**made, "HTTP_HOST": host.encode().decode("latin-1"), "SCRIPT_NAME": script, "wsgi.url_scheme": "https"}

    assert place(Application, environ()) == place(Flask, environ())

"""The least a server of our kind can do: one line of HTML, and the same line from a service worker's cache."""

from __future__ import annotations

from flask import Flask, Response

app = Flask("floor", static_folder=None)

LINE = "<!doctype html><html lang=en><title>floor</title><p>One line."
WORKER = """
self.addEventListener("install", (event) => event.waitUntil(caches.open("c").then((c) => c.add("/kept"))));
self.addEventListener("fetch", (event) => event.respondWith(caches.match(event.request, { ignoreSearch: true })));
"""


@app.get("/")
def line() -> str:
    """One line."""
    return LINE


@app.get("/kept")
def kept() -> str:
    """The line that the worker keeps."""
    return LINE


@app.get("/sw.js")
def worker() -> Response:
    """The smallest service worker that answers without network."""
    return Response(WORKER, mimetype="text/javascript")


@app.get("/healthz")
def healthz() -> str:
    """Whether it answers."""
    return "ok"

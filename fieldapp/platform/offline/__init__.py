"""The service worker, the web manifest, the offline shell and the outbox page."""

"""Service worker, web manifest, offline fallback page and outbox page."""

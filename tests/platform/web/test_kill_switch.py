"""What /sw.js is, by the setting (failure mode 61). What it does to a browser: tests/e2e/test_service_worker.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fieldapp import create_app
from fieldapp.config import Config
from fieldapp.platform.extensions import db
from tests.support.bench import Bench


@pytest.mark.parametrize("kill", [False, True])
def test_61_sw_js_is_the_worker_or_the_one_that_goes(tmp_path: Path, kill: bool) -> None:
    client = create_app(Config(data=tmp_path, sw_kill=kill, testing=True)).test_client()
    with client.get("/sw.js") as answer:
        assert answer.status_code == 200
        assert answer.mimetype == "text/javascript"
        # Asked for anew each time: a broken worker must never be kept by a cache.
        assert answer.headers["Cache-Control"] == "no-cache"
        source = answer.text
    # Only the real one answers pages.
    assert ("fetch" in source) is not kill
    if kill:
        assert "unregister" in source
        assert "skipWaiting" in source
        # It touches no store and no page: records, photos and drafts stay where they are.
        for word in ("caches", "indexedDB", "delete", "Clear-Site-Data", "clients", "postMessage", "import"):
            assert word not in source, word


def test_61_a_page_kept_from_before_is_another_page(bench: Bench) -> None:
    """Neither the browser's copy nor the phone's pack outlives the call-back, or its end."""
    client = bench.client_of(bench.cast.tech)

    def marks() -> tuple[str, str]:
        return client.get("/jobs").headers["ETag"], client.get("/sync/pack").json["gen"]

    assets = bench.app.extensions["assets"]
    before = marks()
    bench.app.extensions["assets"] = replace(assets, worker=False)
    during = marks()
    bench.app.extensions["assets"] = assets
    assert marks() == before
    assert before[0] != during[0]
    assert before[1] != during[1]


def test_61_everything_else_works_without_a_worker(tmp_path: Path) -> None:
    app = create_app(Config(data=tmp_path, sw_kill=True, testing=True))
    with app.app_context():
        db.create_all()
    client = app.test_client()
    page = client.get("/login")
    assert page.status_code == 200
    # No page registers it anew: that would bring one that is just going back to life.
    assert "data-no-worker" in page.text
    assert client.get("/offline").status_code == 200
    assert "Clear-Site-Data" not in client.get("/login").headers

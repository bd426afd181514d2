"""What an installed app is called, offers and shows; what is shared to it without its worker is answered in words."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def manifest(app: Any) -> dict[str, Any]:
    answer = app.test_client().get("/manifest.webmanifest", headers={"Accept-Language": "zh-CN"})
    assert answer.mimetype == "application/manifest+json"
    found: dict[str, Any] = answer.json
    return found


def test_it_says_what_the_app_is_in_the_reader_s_language(app: Any, manifest: dict[str, Any]) -> None:
    assert (manifest["id"], manifest["start_url"], manifest["lang"]) == ("/", "/", "zh-Hans")
    assert len(manifest["description"]) > 10
    english = app.test_client().get("/manifest.webmanifest", headers={"Accept-Language": "en"}).json
    assert english["lang"] == "en"
    assert english["description"] != manifest["description"]


def test_pictures_are_there_and_as_large_as_they_say(manifest: dict[str, Any]) -> None:
    shortcuts = [icon for one in manifest["shortcuts"] for icon in one["icons"]]
    assert len(shortcuts) == len(manifest["shortcuts"]) == 4
    assert {one["form_factor"] for one in manifest["screenshots"]} == {"narrow", "wide"}
    for one in [*manifest["icons"], *shortcuts, *manifest["screenshots"]]:
        file = ROOT / one["src"].lstrip("/")
        with Image.open(file) as picture:
            assert "{}x{}".format(*picture.size) == one["sizes"], file
        assert file.stat().st_size < 120_000, file


def test_shortcuts_lead_to_pages(manifest: dict[str, Any], bench: Any) -> None:
    client = bench.client_of(bench.cast.tech)
    for one in manifest["shortcuts"]:
        assert client.get(one["url"]).status_code == 200, one["url"]


def test_what_is_shared_without_the_worker_is_answered_in_words(manifest: dict[str, Any], bench: Any) -> None:
    target = manifest["share_target"]
    field = target["params"]["files"][0]["name"]

    def share(client: Any) -> Any:
        return client.post(
            target["action"],
            data={field: (io.BytesIO(b"\xff\xd8\xff"), "a.jpg")},
            headers={"Accept-Language": "en"},
        )

    answer = share(bench.client_of(bench.cast.tech))
    assert answer.status_code == 409
    assert "was not taken in" in answer.text
    assert 'href="/expenses/new"' in answer.text
    answer = share(bench.app.test_client())
    assert answer.status_code == 409
    assert "Sign in first" in answer.text
    assert 'href="/login"' in answer.text
    form = bench.client_of(bench.cast.tech).get("/expenses/new").text
    assert f'data-role="{field}"' in form

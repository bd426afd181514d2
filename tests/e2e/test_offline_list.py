"""Every form of docs/offline.md that is in a person's pack opens without a network."""

from __future__ import annotations

import re

import pytest

from tests.e2e.conftest import Phone
from tests.platform.offline.test_list import ID, PROMISED

#: What the demo data has something for; the other rows are proved by tests/platform/offline/test_list.py.
OPENED = {"tech1": 14, "lead1": 12}

#: Addresses in this person's pack.
PACKED = """async () => {
    const {pack} = await (await (await caches.open('fieldapp-state')).match('/__state/active')).json();
    const keys = await (await caches.open(pack)).keys();
    return keys.map(({url}) => new URL(url).pathname + new URL(url).search);
}"""

#: Forms of the page, also those that appear after a tap.
OFFERED = """() => {
    const found = new Set();
    const look = (root) => {
        for (const form of root.querySelectorAll('form[data-op]')) found.add(form.dataset.op);
        for (const template of root.querySelectorAll('template')) look(template.content);
    };
    look(document);
    return [...found];
}"""


@pytest.mark.parametrize(("username", "role"), [("tech1", "technician"), ("lead1", "leader")])
def test_promised_forms_open_without_a_network(phone: Phone, username: str, role: str) -> None:
    page = phone.page
    phone.sign_in(username)
    phone.ready_for_offline()
    packed = page.evaluate(PACKED)
    phone.offline()
    opened = []
    for who, address, command in PROMISED:
        pattern = re.compile("^" + re.escape(address).replace("<id>", ID) + "$")
        urls = [url for url in packed if pattern.match(url)] if who == role else []
        for url in urls[:6]:
            phone.go(url)
            assert page.locator("[data-shell]").count() == 0, url
            if command in page.evaluate(OFFERED):
                opened.append((address, command))
                break
    assert len(opened) >= OPENED[username], opened
    assert phone.problems == []

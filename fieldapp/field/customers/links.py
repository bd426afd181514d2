"""Links that open the phone's map and dialler."""

from __future__ import annotations

from urllib.parse import quote, urlencode


def map_url(lat: float | None, lon: float | None, name: str, address: str) -> str:
    """Return a map link to the coordinates, or a map search for the address if there are none."""
    if lat is None or lon is None:
        return "https://uri.amap.com/search?" + urlencode({"keyword": address or name})
    place = {"position": f"{lon:.6f},{lat:.6f}", "name": name, "coordinate": "wgs84", "callnative": "1"}
    return "https://uri.amap.com/marker?" + urlencode(place, safe=",", quote_via=quote)


def call_url(phone: str) -> str:
    """Return a `tel:` link with the digits and plus signs of `phone`."""
    return "tel:" + "".join(letter for letter in phone if letter in "+0123456789")

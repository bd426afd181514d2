"""Features wire themselves: their folders are found, and what they declare is put together (design §4)."""

from __future__ import annotations

from flask import Blueprint, Flask

from fieldapp.attachments import take_files
from fieldapp.commandbus.command import Command
from fieldapp.kernel import discovery
from fieldapp.kernel.figures import Figure
from fieldapp.kernel.offers import Offer, Offers
from fieldapp.settings import figure
from fieldapp.sync.instance import instance


def init_app(app: Flask, roots: tuple[str, ...]) -> None:
    """Finds models, commands, figures, notices, offers and routes of all features below `roots`."""
    list(discovery.layer(roots, "models"))
    app.extensions["figures"] = discovery.each_once(
        "figure", ((feature, one.key, one) for feature, one in discovery.instances(roots, "figures", Figure))
    )
    app.extensions["figure"] = figure
    app.extensions["commands"] = discovery.each_once(
        "command", ((feature, one.kind, one) for feature, one in discovery.instances(roots, "commands", Command))
    )
    app.extensions["notices"] = discovery.each_once(
        "notice",
        (
            (feature, kind, words)
            for feature, module in discovery.layer(roots, "notices")
            for kind, words in module.NOTICES.items()
        ),
    )
    app.extensions["offers"] = _offers(roots)
    app.extensions["take_files"] = take_files
    app.extensions["instance_id"] = lambda: instance()["id"]
    blueprints = ((feature, one.name, one) for feature, one in discovery.instances(roots, "routes", Blueprint))
    for blueprint in discovery.each_once("blueprint", blueprints).values():
        app.register_blueprint(blueprint)


def _offers(roots: tuple[str, ...]) -> Offers:
    """All features' offers. A record type has one rule of who sees it, one address and one card in the inbox."""
    found = list(discovery.instances(roots, "offers", Offer))
    for place in ("sees", "places", "own_places", "inbox"):
        said = ((feature, kind, rule) for feature, offer in found for kind, rule in getattr(offer, place).items())
        discovery.each_once(f"{place} of", said)
    for place in ("tabs", "tiles", "links"):
        entries = ((feature, entry.key, entry) for feature, offer in found for entry in getattr(offer, place))
        discovery.each_once(place.removesuffix("s"), entries)
    return Offers(tuple(offer for _, offer in found))

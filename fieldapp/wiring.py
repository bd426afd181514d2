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
    app.extensions["figures"] = {one.key: one for one in discovery.instances(roots, "figures", Figure)}
    app.extensions["figure"] = figure
    app.extensions["commands"] = _commands(roots)
    app.extensions["notices"] = {
        kind: words for module in discovery.layer(roots, "notices") for kind, words in module.NOTICES.items()
    }
    app.extensions["offers"] = Offers(tuple(discovery.instances(roots, "offers", Offer)))
    app.extensions["take_files"] = take_files
    app.extensions["instance_id"] = lambda: instance()["id"]
    blueprints = {id(bp): bp for bp in discovery.instances(roots, "routes", Blueprint)}
    for blueprint in blueprints.values():
        app.register_blueprint(blueprint)


def _commands(roots: tuple[str, ...]) -> dict[str, Command]:
    found: dict[str, Command] = {}
    for one in discovery.instances(roots, "commands", Command):
        if one.kind in found and found[one.kind] is not one:
            raise RuntimeError(f"two commands are called {one.kind}")
        found[one.kind] = one
    return found

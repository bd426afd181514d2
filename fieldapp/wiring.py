"""Features wire themselves: their folders are found, and what they declare is put together (docs/architecture.md)."""

from __future__ import annotations

from flask import Blueprint, Flask

from fieldapp.kernel import discovery, grants
from fieldapp.kernel.figures import Figure
from fieldapp.kernel.offers import Offer, Offers
from fieldapp.platform.commandbus.command import COMMANDS, Command
from fieldapp.platform.extensions import FIGURE, GRANTS, INSTANCE_ID, OFFERS
from fieldapp.platform.sync.instance import instance
from fieldapp.platform.web.forms import TAKE_FILES
from fieldapp.platform.web.lists import LISTS, ListDef
from fieldapp.services.accounts.roles import NAMES
from fieldapp.services.approvals.notices import NOTICE_TEXTS
from fieldapp.services.attachments import take_files
from fieldapp.services.settings.queries import FIGURES, figure


def init_app(app: Flask, roots: tuple[str, ...]) -> None:
    """Finds models, commands, figures, notices, offers and routes of all features below `roots`."""
    list(discovery.layer(roots, "models"))
    figures = ((feature, figure.key, figure) for feature, figure in discovery.instances(roots, "figures", Figure))
    FIGURES.set(app, discovery.each_once("figure", figures))
    FIGURE.set(app, figure)
    commands = (
        (feature, command.kind, command) for feature, command in discovery.instances(roots, "commands", Command)
    )
    COMMANDS.set(app, discovery.each_once("command", commands))
    notices = (
        (feature, kind, text)
        for feature, module in discovery.layer(roots, "notices")
        for kind, text in module.NOTICES.items()
    )
    NOTICE_TEXTS.set(app, discovery.each_once("notice", notices))
    lists = ((feature, declared.name, declared) for feature, declared in discovery.instances(roots, "lists", ListDef))
    LISTS.set(app, discovery.each_once("list", lists))
    OFFERS.set(app, _offers(roots))
    TAKE_FILES.set(app, take_files)
    INSTANCE_ID.set(app, lambda: instance()["id"])
    blueprints = ((feature, one.name, one) for feature, one in discovery.instances(roots, "routes", Blueprint))
    for blueprint in discovery.each_once("blueprint", blueprints).values():
        app.register_blueprint(blueprint)
    GRANTS.set(app, grants.join((offer.grants for offer in OFFERS.of(app).all), tuple(NAMES), _verbs(app)))


def _verbs(app: Flask) -> set[str]:
    """Return every verb that a command, a page or an entry asks for."""
    guards = {name: getattr(view, "guard", None) for name, view in app.view_functions.items() if name != "static"}
    if unguarded := [name for name, guard in guards.items() if guard is None]:
        raise RuntimeError(f"these views have neither a verb nor @public: {', '.join(unguarded)}")
    offers = OFFERS.of(app).all
    entries = {entry.verb for offer in offers for entry in (*offer.tabs, *offer.tiles, *offer.links)}
    return {*COMMANDS.of(app), *map(str, guards.values()), *entries} - {"public"}


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

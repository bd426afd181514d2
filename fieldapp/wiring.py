"""Features wire themselves: their folders are found, and what they declare is put together (design §4)."""

from __future__ import annotations

from flask import Blueprint, Flask

from fieldapp.accounts.roles import NAMES
from fieldapp.approvals.notices import NOTICE_TEXTS
from fieldapp.attachments import take_files
from fieldapp.commandbus.command import COMMANDS, Command
from fieldapp.extensions import GRANTS, INSTANCE_ID, OFFERS
from fieldapp.kernel import discovery, grants
from fieldapp.kernel.figures import Figure
from fieldapp.kernel.offers import Offer, Offers
from fieldapp.settings.queries import FIGURES
from fieldapp.sync.instance import instance
from fieldapp.web.forms import TAKE_FILES


def init_app(app: Flask, roots: tuple[str, ...]) -> None:
    """Finds models, commands, figures, notices, offers and routes of all features below `roots`."""
    list(discovery.layer(roots, "models"))
    FIGURES.set(app, {figure.key: figure for figure in discovery.instances(roots, "figures", Figure)})
    COMMANDS.set(app, _commands(roots))
    notices = discovery.layer(roots, "notices")
    NOTICE_TEXTS.set(app, {kind: text for module in notices for kind, text in module.NOTICES.items()})
    OFFERS.set(app, Offers(tuple(discovery.instances(roots, "offers", Offer))))
    TAKE_FILES.set(app, take_files)
    INSTANCE_ID.set(app, lambda: instance()["id"])
    blueprints = {id(bp): bp for bp in discovery.instances(roots, "routes", Blueprint)}
    for blueprint in blueprints.values():
        app.register_blueprint(blueprint)
    GRANTS.set(app, grants.join((offer.grants for offer in OFFERS.of(app).all), tuple(NAMES), _verbs(app)))


def _verbs(app: Flask) -> set[str]:
    """Return every verb that a command, a page or an entry asks for."""
    guards = {getattr(view, "guard", "public") for view in app.view_functions.values()} - {"public"}
    offers = OFFERS.of(app).all
    entries = {entry.verb for offer in offers for entry in (*offer.tabs, *offer.tiles, *offer.links)}
    return {*COMMANDS.of(app), *guards, *entries}


def _commands(roots: tuple[str, ...]) -> dict[str, Command]:
    found: dict[str, Command] = {}
    for one in discovery.instances(roots, "commands", Command):
        if one.kind in found and found[one.kind] is not one:
            raise RuntimeError(f"two commands are called {one.kind}")
        found[one.kind] = one
    return found

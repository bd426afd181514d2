"""Features wire themselves: their folders are found, and what they declare is put together (docs/architecture.md)."""

from __future__ import annotations

from flask import Blueprint, Flask

from fieldapp.kernel import discovery, grants
from fieldapp.kernel.extension_points import Provisions
from fieldapp.kernel.manifest import FeatureManifest
from fieldapp.kernel.settings import JudgedRecords, SettingDef
from fieldapp.platform.audit import SCHEMAS
from fieldapp.platform.commandbus.command import COMMANDS, Command
from fieldapp.platform.commandbus.field_changes import COMPARED, compared_fields
from fieldapp.platform.extensions import ACTOR_AT, GRANTS, INSTANCE_ID, PROVISIONS, SETTING_VALUE
from fieldapp.platform.sync.instance import instance
from fieldapp.platform.web.extension_points import MENUS
from fieldapp.platform.web.forms import TAKE_FILES
from fieldapp.platform.web.lists import LISTS, ListDef
from fieldapp.services.accounts import actor_at
from fieldapp.services.accounts.roles import NAMES
from fieldapp.services.approvals.notices import NOTICE_TEXTS
from fieldapp.services.attachments import take_files
from fieldapp.services.settings.queries import JUDGED, SETTINGS, value


def init_app(app: Flask, roots: tuple[str, ...]) -> None:
    """Find models, commands, settings, notices, manifests and routes of all features below `roots`."""
    list(discovery.layer(roots, "models"))
    settings = ((feature, one.key, one) for feature, one in discovery.instances(roots, "settings", SettingDef))
    SETTINGS.set(app, discovery.each_once("setting", settings))
    SETTING_VALUE.set(app, value)
    JUDGED.set(app, [one for _, one in discovery.instances(roots, "settings", JudgedRecords)])
    ACTOR_AT.set(app, actor_at)
    commands = (
        (feature, command.kind, command) for feature, command in discovery.instances(roots, "commands", Command)
    )
    COMMANDS.set(app, discovery.each_once("command", commands))
    SCHEMAS.set(app, {kind: command.schema for kind, command in COMMANDS.of(app).items()})
    COMPARED.set(app, compared_fields(COMMANDS.of(app).values()))
    notices = (
        (feature, kind, text)
        for feature, module in discovery.layer(roots, "notices")
        for kind, text in module.NOTICES.items()
    )
    NOTICE_TEXTS.set(app, discovery.each_once("notice", notices))
    lists = ((feature, declared.name, declared) for feature, declared in discovery.instances(roots, "lists", ListDef))
    LISTS.set(app, discovery.each_once("list", lists))
    manifests = _manifests(roots)
    PROVISIONS.set(app, Provisions((feature, one.provides) for feature, one in manifests.items()))
    TAKE_FILES.set(app, take_files)
    INSTANCE_ID.set(app, lambda: instance()["id"])
    blueprints = ((feature, one.name, one) for feature, one in discovery.instances(roots, "routes", Blueprint))
    for blueprint in discovery.each_once("blueprint", blueprints).values():
        app.register_blueprint(blueprint)
    GRANTS.set(app, grants.join((one.grants for one in manifests.values()), tuple(NAMES), _verbs(app)))


def _verbs(app: Flask) -> set[str]:
    """Return every verb that a command, a page or an entry asks for."""
    guards = {name: getattr(view, "guard", None) for name, view in app.view_functions.items() if name != "static"}
    if unguarded := [name for name, guard in guards.items() if guard is None]:
        raise RuntimeError(f"these views have neither a verb nor @public: {', '.join(unguarded)}")
    entries = {one.value.verb for menu in MENUS for one in PROVISIONS.of(app).of(menu)}
    return {*COMMANDS.of(app), *map(str, guards.values()), *entries} - {"public"}


def _manifests(roots: tuple[str, ...]) -> dict[str, FeatureManifest]:
    """Return the manifests of all features by the feature's name, one of each."""
    found: dict[str, FeatureManifest] = {}
    for feature, manifest in discovery.instances(roots, "manifest", FeatureManifest):
        if feature in found:
            raise RuntimeError(f"{feature} has more than one manifest")
        found[feature] = manifest
    return found

"""`asset.amend`: what stands at the customer's, corrected by whoever sees it (ADR 17, failure mode 51)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select, update

from fieldapp.field.customers import Asset
from fieldapp.field.jobs.facts import facts_of_asset
from fieldapp.field.jobs.models import Job, JobAsset
from fieldapp.field.jobs.policy import OPEN_JOB, AssetFacts, may_amend
from fieldapp.field.jobs.schemas import Amend
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import Context, Effect, Merges, audit_diff, command, merge_note

FIELDS = tuple(Amend().fields)


@dataclass(frozen=True)
class Seen:
    """The asset, locked, and the facts by which permission is judged."""

    asset: Asset
    facts: AssetFacts


def _load(ctx: Context, data: dict[str, Any]) -> Seen:
    asset = ctx.load(Asset, ctx.id)
    return Seen(asset, facts_of_asset(asset.id))


def _may(actor: Actor, seen: Seen) -> bool:
    return may_amend(actor, seen.facts)


def values_of(asset: Any) -> dict[str, Any]:
    """The fields of an asset that are corrected on site, as they are stored."""
    return {name: getattr(asset, name) for name in FIELDS}


@command(
    "asset.amend",
    label=_l("Correct the equipment"),
    schema=Amend,
    load=_load,
    may=_may,
    merges=Merges(FIELDS, lambda seen: values_of(seen.asset), lambda seen: seen.asset.ver),
    own_work=True,
)
def amend(ctx: Context, seen: Seen, data: dict[str, Any]) -> Effect:
    """Writes the corrected fields; two people's corrections of different fields merge, of the same one a person
    decides."""
    asset = seen.asset
    before, after = audit_diff(ctx, values_of(asset))
    for name, value in ctx.merged.changes.items():
        setattr(asset, name, "" if value is None and name == "note" else value)
    if ctx.merged.changes:
        asset.ver += 1
        # Phones that keep a page of these jobs fetch it anew.
        concerned = select(JobAsset.job_id).where(JobAsset.asset_id == asset.id)
        pages = update(Job).where(Job.id.in_(concerned), Job.state.in_(OPEN_JOB)).values(ver=Job.ver + 1)
        ctx.session.execute(pages.execution_options(synchronize_session=False))
    return Effect(asset.serial_no, asset.ver, before, after, merge_note(ctx, amend))

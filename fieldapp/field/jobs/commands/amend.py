"""`asset.amend`: correct an asset's data on site or at a desk (ADR 17, failure mode 51)."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select, update

from fieldapp.field.customers import Asset
from fieldapp.field.jobs.facts import facts_of_asset
from fieldapp.field.jobs.models import Job, JobAsset
from fieldapp.field.jobs.policy import OPEN_JOB, AssetFacts, may_amend
from fieldapp.field.jobs.schemas import Amend
from fieldapp.platform.commandbus import (
    Context,
    Effect,
    Loaded,
    Merges,
    audit_diff,
    command,
    merge_note,
    on_facts,
    record_and_facts,
)

FIELDS = tuple(Amend().fields)


def _facts(asset: Asset) -> AssetFacts:
    return facts_of_asset(asset.id)


def editable_values(asset: Any) -> dict[str, Any]:
    """Return the fields of an asset that can be corrected, by name."""
    return {name: getattr(asset, name) for name in FIELDS}


@command(
    "asset.amend",
    label=_l("Correct the equipment"),
    schema=Amend,
    load=record_and_facts(Asset, _facts),
    may=on_facts(may_amend),
    merges=Merges(FIELDS, lambda target: editable_values(target.record), lambda target: target.record.ver),
    own_work=True,
)
def amend(ctx: Context, target: Loaded[Asset, AssetFacts], data: dict[str, Any]) -> Effect:
    """Write the corrected fields. Changes of different fields are merged; for the same field a person decides."""
    asset = target.record
    before, after = audit_diff(ctx, editable_values(asset))
    for name, value in ctx.merged.changes.items():
        setattr(asset, name, "" if value is None and name == "note" else value)
    if ctx.merged.changes:
        asset.ver += 1
        # Raises the version of the open jobs, so that phones fetch their kept pages again.
        jobs_of_asset = select(JobAsset.job_id).where(JobAsset.asset_id == asset.id)
        new_versions = update(Job).where(Job.id.in_(jobs_of_asset), Job.state.in_(OPEN_JOB)).values(ver=Job.ver + 1)
        ctx.session.execute(new_versions.execution_options(synchronize_session=False))
    return Effect(asset.serial_no, asset.ver, before, after, merge_note(ctx, amend))

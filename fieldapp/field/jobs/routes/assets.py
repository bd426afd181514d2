"""The form that corrects an asset, reached from a job's page."""

from __future__ import annotations

from uuid import UUID

from flask import Response, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fieldapp.errors import NotAllowed, NotFound
from fieldapp.field.jobs import words
from fieldapp.field.jobs.commands.amend import FIELDS, amend, editable_values
from fieldapp.field.jobs.policy import may_amend_on
from fieldapp.field.jobs.queries.details import asset_of_job
from fieldapp.field.jobs.routes import bp
from fieldapp.field.jobs.routes.history import history_lines
from fieldapp.field.jobs.routes.sheet import sheet_or_404
from fieldapp.platform.commandbus import field_history
from fieldapp.platform.extensions import db
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import actor, needs


@bp.route("/jobs/<uuid:job>/assets/<uuid:asset>", methods=["GET", "POST"])
@needs("asset.amend")
def asset(job: UUID, asset: UUID) -> Response:
    """Show the form with the asset's present values and its last changes."""
    sheet = sheet_or_404(job)
    record = asset_of_job(sheet.id, str(asset))
    if record is None:
        raise NotFound("asset.not_found")
    if not may_amend_on(actor(), sheet.facts):
        raise NotAllowed("asset.not_yours", _l("Only who works at this equipment corrects it."))
    where = url_for("jobs.show", job=job)
    name = record.plate or record.model
    return form_page(
        FormPage(
            kind="asset.amend",
            agg=("asset", record.id),
            title=_l("Correct the equipment"),
            submit=_l("Save the correction"),
            done=where,
            back=where,
            draft=f"asset:amend:{record.id}",
            record_title=f"{gettext('Correct the equipment')} · {name}",
            intro=f"{sheet.customer} · {words.words(words.CATEGORIES, record.category)} {name}",
            initial=editable_values(record),
            ver=record.ver,
            template="field/jobs/asset.html",
            context={"history": history_lines(amend, field_history(db.session(), ("asset", record.id), FIELDS))},
        )
    )

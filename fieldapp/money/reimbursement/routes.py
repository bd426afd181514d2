"""The reimbursement list as a page and as files (D-EXP-6)."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Response, send_file, stream_with_context
from flask_babel import gettext

from fieldapp.kernel import clock
from fieldapp.money.expenses import KIND_WORDS, claim_state
from fieldapp.money.reimbursement.exports import as_xlsx
from fieldapp.money.reimbursement.lists import LIST
from fieldapp.money.reimbursement.queries import Summary, as_of, filters, summary
from fieldapp.platform.web.downloads import as_download, file_name
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.lists import Filter
from fieldapp.platform.web.lists.downloads import add_audit_head, maker, note_download
from fieldapp.platform.web.lists.files import XLSX, as_csv
from fieldapp.platform.web.render import render
from fieldapp.services.attachments import files_of

bp = Blueprint("reimbursement", __name__)


@bp.get("/reimbursements")
@needs("reimbursement.view")
def page() -> Response:
    """Sums by person and kind, below them every item; the filters stand in the address."""
    shown = LIST.page(actor())
    return render(
        "money/reimbursement/list.html",
        fragment="money/reimbursement/_list.html",
        page=shown,
        sums=summary(shown.filters),
        files=files_of("expense_item", [row.item for row in shown.rows]),
        kind_words=KIND_WORDS,
        claim_state=claim_state,
    )


@bp.get("/reimbursements/list.xlsx")
@needs("reimbursement.export")
def xlsx() -> Response:
    """The list as a workbook."""
    chosen = filters()
    sums = _note(chosen, "xlsx")
    columns = LIST.shown(actor(), in_file=True)
    file = as_xlsx(columns, LIST.rows(actor()), sums, maker(actor()), as_of(chosen))
    return _named(send_file(file, mimetype=XLSX), chosen, "xlsx")


@bp.get("/reimbursements/list.csv")
@needs("reimbursement.export")
def csv() -> Response:
    """The list as text, in pieces as the database gives it."""
    chosen = filters()
    _note(chosen, "csv")
    pieces = as_csv(LIST.shown(actor(), in_file=True), LIST.rows(actor()))
    return _named(Response(stream_with_context(pieces), mimetype="text/csv"), chosen, "csv")


def _note(chosen: Sequence[Filter], form: str) -> Summary:
    """Write into the audit log who downloads what, before the first byte leaves (D-AUD-1)."""
    sums = summary(chosen)
    note_download(LIST, actor(), form, chosen, items=sums.items, total=str(sums.total))
    return sums


def _named(response: Response, chosen: Sequence[Filter], ending: str) -> Response:
    """Name the file so that it says whose and from when it is, also where the file itself cannot."""
    month = next(one.value() for one in chosen if one.name == "month")
    made = clock.local(clock.now()).strftime("%Y%m%d-%H%M%S")
    user = "".join(one for one in actor().username if one.isascii() and one.isalnum())
    name = file_name([gettext("Reimbursement list"), month, actor().name, made], ending)
    as_download(response, name, file_name(["reimbursement", month, user, made], ending))
    add_audit_head(response)
    return response

"""The reimbursement list as a page and as files (D-EXP-6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from flask import Blueprint, Response, send_file, stream_with_context
from flask_babel import get_locale, gettext
from sqlalchemy.engine import Row

from fieldapp.kernel import clock, ids
from fieldapp.money.expenses import CLAIM_WORDS, KIND_WORDS, LOOKS, ExpenseClaim, ExpenseItem, warning_words
from fieldapp.money.reimbursement.exports import Names, as_csv, as_xlsx
from fieldapp.money.reimbursement.queries import Summary, as_of, filters, groups_in, rows_query, summary
from fieldapp.platform import audit
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.platform.web.downloads import as_download, file_name
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.lists import Filter, list_page, narrowed
from fieldapp.platform.web.render import render
from fieldapp.services.attachments import files_of

bp = Blueprint("reimbursement", __name__)

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@bp.get("/reimbursements")
@needs("reimbursement.view")
def page() -> Response:
    """Sums by person and kind, below them every item; the filters stand in the URL."""
    chosen = filters()
    rows = list_page(rows_query(), keys=(ExpenseClaim.id, ExpenseItem.id), filters=chosen)
    sums = summary(chosen)
    return render(
        "money/reimbursement/list.html",
        fragment="money/reimbursement/_list.html",
        page=rows,
        sums=sums,
        names={one.person: one.name for one in sums.people},
        files=files_of("expense_item", [row[1] for row in rows.rows]),
        kind_words=KIND_WORDS,
        claim_words=CLAIM_WORDS,
        looks=LOOKS,
        warning_words=warning_words,
        may_export=actor().can("reimbursement.export"),
    )


@bp.get("/reimbursements/list.xlsx")
@needs("reimbursement.export")
def xlsx() -> Response:
    """The list as a workbook."""
    chosen = filters()
    sums = _log(chosen, "xlsx")
    file = as_xlsx(_rows(chosen), _names(sums, chosen), sums, _maker(), as_of(chosen))
    return _named(send_file(file, mimetype=XLSX), chosen, "xlsx")


@bp.get("/reimbursements/list.csv")
@needs("reimbursement.export")
def csv() -> Response:
    """The list as text, in pieces as the database gives it."""
    chosen = filters()
    names = _names(_log(chosen, "csv"), chosen)
    response = Response(stream_with_context(as_csv(_rows(chosen), names)), mimetype="text/csv")
    return _named(response, chosen, "csv")


def _rows(chosen: Sequence[Filter]) -> Iterator[Row[Any]]:
    """Rows as a cursor of the server gives them, a person's together, oldest first."""
    query = narrowed(rows_query(), chosen).order_by(ExpenseClaim.owner_id, ExpenseItem.spent_on, ExpenseItem.id)
    yield from db.session.execute(query.execution_options(yield_per=500))


def _log(chosen: Sequence[Filter], form: str) -> Summary:
    """Who downloaded what is on the trail before the first byte leaves (D-AUD-1)."""
    sums = summary(chosen)
    after = {
        "format": form,
        "query": _asked(chosen),
        "language": str(get_locale()),
        "items": sums.items,
        "total": str(sums.total),
    }
    with writing() as session:
        entry = audit.Entry(
            action="reimbursement.export",
            agg=("reimbursement", str(ids.uuid7())),
            actor_id=actor().id,
            at=clock.now(),
            after=after,
        )
        audit.append(session.connection(), [entry])
    return sums


def _names(sums: Summary, chosen: Sequence[Filter]) -> Names:
    return Names({one.person: one.name for one in sums.people}, groups_in(chosen))


def _asked(chosen: Sequence[Filter]) -> dict[str, str]:
    return {one.name: one.value() for one in chosen if one.value()}


def _maker() -> str:
    return f"{actor().name} ({actor().username})"


def _named(response: Response, chosen: Sequence[Filter], ending: str) -> Response:
    """A file name that says whose and from when it is, also where the file itself cannot."""
    month = next(one.value() for one in chosen if one.name == "month")
    made = clock.local(clock.now()).strftime("%Y%m%d-%H%M%S")
    user = "".join(one for one in actor().username if one.isascii() and one.isalnum())
    name = file_name([gettext("Reimbursement list"), month, actor().name, made], ending)
    as_download(response, name, file_name(["reimbursement", month, user, made], ending))
    # Beside the file: the same list made again is the same file, byte for byte.
    response.headers["X-Audit-Head"] = str(audit.head(db.session.connection()))
    return response

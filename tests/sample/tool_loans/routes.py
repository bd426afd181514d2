from uuid import UUID

from flask import Blueprint, Response
from flask_babel import lazy_gettext as _l

from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.render import render
from fieldapp.platform.web.states import shown
from tests.sample.tool_loans.lists import LIST
from tests.sample.tool_loans.policy import TOOL_LOAN
from tests.sample.tool_loans.queries import VISIBLE

bp = Blueprint("tool_loans", __name__, template_folder="templates")


@bp.get("/tool-loans")
@needs("tool_loan.view")
def listing() -> Response:
    return render("tool_loans/list.html", page=LIST.page(actor()))


@bp.route("/tool-loans/new", methods=["GET", "POST"])
@needs("tool_loan.submit")
def new() -> Response:
    page = FormPage("tool_loan.submit", ("tool_loan", None), _l("Tool loan"), "/tool-loans", draft="tool_loan:new")
    return form_page(page)


@bp.get("/tool-loans/<uuid:record>")
@needs("tool_loan.view")
def show(record: UUID) -> Response:
    loan = VISIBLE.load(actor(), str(record))
    return render("tool_loans/show.html", record=loan, shown=shown(TOOL_LOAN, loan.state))

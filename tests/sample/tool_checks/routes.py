from flask import Blueprint, Response
from sqlalchemy import select

from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.lists import list_page
from fieldapp.platform.web.render import render
from tests.sample.tool_checks.models import ToolCheck

bp = Blueprint("tool_checks", __name__, template_folder="templates")


@bp.get("/tool-checks")
@needs("tool_check.view")
def listing() -> Response:
    columns = (ToolCheck.checked_at, ToolCheck.id, ToolCheck.missing.label("title"))
    page = list_page(
        select(*columns).where(ToolCheck.owner_id == actor().id), keys=(ToolCheck.checked_at, ToolCheck.id)
    )
    return render("tool_checks/list.html", page=page)


@bp.route("/tool-checks/new", methods=["GET", "POST"])
@needs("tool_check.record")
def new() -> Response:
    return form_page(
        FormPage("tool_check.record", ("tool_check", None), "Check the tools", "/tool-checks", draft="tool_check:new")
    )

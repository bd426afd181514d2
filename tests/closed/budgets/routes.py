from flask import Blueprint, Response

from fieldapp.platform.web.guards import needs

bp = Blueprint("budgets", __name__)


@bp.get("/budgets")
@needs("budget.view")
def listing() -> Response:
    return Response("budgets")


@bp.get("/budgets/list.csv")
@needs("budget.export")
def export() -> Response:
    return Response("budgets", mimetype="text/csv")

from flask import Blueprint, Response

from fieldapp.platform.web.guards import needs

bp = Blueprint("salaries", __name__)


@bp.get("/salaries")
@needs("salary.view")
def listing() -> Response:
    return Response("salaries")


@bp.get("/salaries/list.csv")
@needs("salary.export")
def export() -> Response:
    return Response("salaries", mimetype="text/csv")

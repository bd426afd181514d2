"""What is asked of who saves a view."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.platform.web.fields import Form, Id, text


class Save(Form):
    """A view of a list: `query` are the parameters of the page's address."""

    id = Id(required=True)
    list = text("", max=40, required=True, widget="hidden")
    query = text("", max=1000, widget="hidden")
    name = text(_l("Name of the view"), max=60, required=True)
    shared_with = text(_l("For whom"), max=60, required=True, widget="select")


class Rename(Form):
    """Another name."""

    name = text(_l("Name of the view"), max=60, required=True)


class Delete(Form):
    """Nothing is asked."""

from flask_babel import lazy_gettext as _l

from fieldapp.platform.web.fields import Form, Id, day, text


class Submit(Form):
    id = Id(required=True)
    what = text(_l("What"), max=200, required=True)
    until = day(_l("Until"), required=True)

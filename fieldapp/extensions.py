"""The extensions, unbound; create_app() binds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_babel import Babel
from flask_compress import Compress
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from htmx_flask import Htmx

from fieldapp.database import Base

db: SQLAlchemy = SQLAlchemy(
    model_class=Base,
    disable_autonaming=True,
    # Rows stay readable after the door has committed; what is read later is asked for again.
    session_options={"expire_on_commit": False},
)
login = LoginManager()
htmx = Htmx()
migrate = Migrate()
babel = Babel()
compress = Compress()
limiter = Limiter(get_remote_address, storage_uri="memory://")

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model

__all__ = ["Model", "babel", "compress", "db", "htmx", "limiter", "login", "migrate"]

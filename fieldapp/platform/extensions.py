"""The extensions, unbound; create_app() binds them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from flask import Flask, current_app, g
from flask_babel import Babel
from flask_compress import Compress
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from htmx_flask import Htmx
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from fieldapp.kernel.extension_points import Point, Provided, Provisions
from fieldapp.kernel.grants import Grants
from fieldapp.platform.database import Base

Value = TypeVar("Value")


class AppValue(Generic[Value]):
    """A typed value in `app.extensions`, set while the application is built or at first use.

    The module that uses the value declares it; `fieldapp/wiring.py` sets it. So a lower layer can use what a higher
    layer provides without importing it.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def set(self, app: Flask, value: Value) -> None:
        """Store the value of `app`."""
        app.extensions[self.name] = value

    def of(self, app: Flask) -> Value:
        """Return the value of `app`. Raise KeyError where it was not set."""
        value: Value = app.extensions[self.name]
        return value

    def __call__(self) -> Value:
        """Return the value of the current application."""
        return self.of(current_app)

    def is_set(self) -> bool:
        """Return whether the current application has the value."""
        return self.name in current_app.extensions


#: What the features provide for extension points, all together.
PROVISIONS: AppValue[Provisions] = AppValue("provisions")
#: The verbs of every role.
GRANTS: AppValue[Grants] = AppValue("grants")
#: Returns the value of a setting by its key for what was written at a moment.
SETTING_VALUE: AppValue[Callable[[str, datetime], Any]] = AppValue("setting_value")
#: Returns the id of this installation, the value of the header `X-Fieldapp`.
INSTANCE_ID: AppValue[Callable[[], str]] = AppValue("instance_id")


class ProvidedPoint(Point[Value]):
    """An extension point that answers for the current application. Its owner declares it, features provide for it."""

    def all(self) -> tuple[Value, ...]:
        """Return what is provided, in an order that does not depend on how features were found."""
        return tuple(one.value for one in PROVISIONS().of(self))

    def by_feature(self) -> tuple[tuple[str, Value], ...]:
        """Return the same, each with the name of its feature."""
        return tuple((one.feature, one.value) for one in PROVISIONS().of(self))


class ExtensionPoint(ProvidedPoint[Value]):
    """A point for which every feature may provide something."""

    def by(self, value: Value, *, order: int = 50) -> Provided[Value]:
        """Provide `value`, in a manifest."""
        return Provided(self, value, order=order)


class KeyedPoint(ProvidedPoint[Value]):
    """A point with at most one value for a key, mostly a record type."""

    def by(self, key: str, value: Value) -> Provided[Value]:
        """Provide `value` for `key`, in a manifest."""
        return Provided(self, value, key)

    def get(self, key: str) -> Value | None:
        """Return what is provided for `key`, or None."""
        return PROVISIONS().by_key(self).get(key)


#: Checks of the stored records, one sentence for each thing that does not agree. Asked by fieldapp/integrity.py, which
#: stands above the features and so cannot be imported by them; the same holds for the demo.
CHECKS: ExtensionPoint[Callable[[], Iterable[str]]] = ExtensionPoint("checks")
#: What a feature adds to the demo data, given the `Book` of fieldapp/demo, in the declared order.
DEMO: ExtensionPoint[Callable[[Any], None]] = ExtensionPoint("demo data")

#: Where a request keeps the connection of its write transaction while one is under way
#: (platform/commandbus/transaction.py).
WRITING = "writing_connection"


class JoiningSession(FlaskSession):
    """Takes part in the write transaction that is under way, whoever asks for the session and when."""

    def get_bind(self, mapper: Any = None, clause: Any = None, bind: Any = None, **how: Any) -> Any:
        """The connection of the write transaction; without one, an engine."""
        return g.get(WRITING) or super().get_bind(mapper, clause, bind, **how)


db: SQLAlchemy = SQLAlchemy(
    model_class=Base,
    disable_autonaming=True,
    # Rows stay readable after the door has committed; what is read later is asked for again.
    session_options={"class_": JoiningSession, "expire_on_commit": False},
)


def used_session() -> Session | None:
    """The request's session, if anything has asked for it."""
    return db.session() if db.session.registry.has() else None


def reading() -> Connection:
    """The connection of the transaction under way, a reading one if none is.

    Statements that are prepared ask for it several times a page; the session looks for it anew each time.
    """
    writing: Connection | None = g.get(WRITING)
    if writing is not None:
        return writing
    session: Session = db.session()
    known = session.info.get("reading")
    if known is None or known[0] is not session.get_transaction():
        connection = session.connection()
        known = session.info["reading"] = (session.get_transaction(), connection)
    found: Connection = known[1]
    return found


login = LoginManager()
# A session does not depend on the address and browser it began with: phones roam, and browsers are updated.
login.session_protection = None
htmx = Htmx()
migrate = Migrate()
babel = Babel()
compress = Compress()
limiter = Limiter(get_remote_address, storage_uri="memory://")

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model

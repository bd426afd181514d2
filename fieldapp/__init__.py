"""Field service for after-sales groups. create_app() puts the house together and does nothing else."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from fieldapp.config import FORM_BYTES, Config
from fieldapp.platform.database import from_json, look_after, to_json
from fieldapp.platform.extensions import babel, compress, db, htmx, limiter, migrate

ROOT = Path(__file__).resolve().parent.parent
#: The groups that hold the features; a folder in none of them does not start.
GROUPS = ("platform", "services", "field", "supply", "money")
#: Folders that hold no features.
APART = ("kernel", "demo")


def create_app(config: Config | None = None) -> Flask:
    """The WSGI application: configuration, extensions, features found by discovery, error pages."""
    from fieldapp import cli, wiring
    from fieldapp.platform.web import (
        error_pages,
        headers,
        hosts,
        inputs,
        language,
        origin,
        page,
        refused,
        static_files,
        trouble,
    )
    from fieldapp.platform.web.assets import ASSETS, Assets
    from fieldapp.services.accounts import session

    config = config or Config.from_environment()
    config.check()
    app = Flask("fieldapp", root_path=str(ROOT), template_folder="templates", static_folder="static")
    app.config.update(
        SECRET_KEY=config.secret_key(),
        SQLALCHEMY_DATABASE_URI=config.url,
        SQLALCHEMY_ENGINE_OPTIONS={
            "json_serializer": to_json,
            "json_deserializer": from_json,
            # What people wrote does not belong in logs.
            "hide_parameters": True,
        },
        FILES=str(config.data / "files"),
        DATA=str(config.data),
        LANGUAGES=config.languages,
        MAX_CONTENT_LENGTH=config.max_request_bytes,
        MAX_FORM_MEMORY_SIZE=FORM_BYTES,
        MAX_FORM_PARTS=2000,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=config.secure_cookies,
        PERMANENT_SESSION_LIFETIME=config.session_lasts.idle,
        SESSION_LASTS=config.session_lasts,
        RATELIMIT_HEADERS_ENABLED=True,
        BABEL_DEFAULT_LOCALE="zh_Hans",
        BABEL_DEFAULT_TIMEZONE="Asia/Shanghai",
        BABEL_TRANSLATION_DIRECTORIES=str(ROOT / "fieldapp" / "translations"),
        TESTING=config.testing,
        COMPRESS_MIMETYPES=[
            "text/html",
            "text/javascript",
            "text/csv",
            "application/json",
            "application/manifest+json",
        ],
        COMPRESS_ALGORITHM=["br", "gzip"],
        # As small as level 6 to a few bytes; with this window its tables stay in the processor's cache.
        COMPRESS_BR_LEVEL=5,
        COMPRESS_BR_WINDOW=16,
        COMPRESS_MIN_SIZE=500,
        # A page that did not change is a 304 already (platform/web/etag.py).
        COMPRESS_EVALUATE_CONDITIONAL_REQUEST=False,
        **config.extra,
    )
    assets = Assets.read(worker=not config.sw_kill)
    ASSETS.set(app, assets)
    app.wsgi_app = headers.around(app.wsgi_app, assets.css_hash, config.secure_cookies)  # type: ignore[method-assign]
    app.wsgi_app = static_files.around(app.wsgi_app, ROOT / "static")  # type: ignore[method-assign]
    if config.trust_proxy:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=config.trust_proxy, x_proto=config.trust_proxy, x_host=config.trust_proxy
        )
    db.init_app(app)
    with app.app_context():
        look_after(db.engine)
    migrate.init_app(app, db, directory=str(ROOT / "migrations"), render_as_batch=True, compare_type=True)
    htmx.init_app(app)
    trouble.init_app(app)
    limiter.init_app(app)
    compress.init_app(app)
    babel.init_app(app, locale_selector=language.chosen)
    babel.domain_instance = language.Words()
    hosts.init_app(app, config.addresses)
    refused.init_app(app)
    inputs.init_app(app)
    session.init_app(app)
    origin.init_app(app)
    headers.init_app(app)
    page.init_app(app)
    error_pages.init_app(app)
    wiring.init_app(app, config.feature_roots)
    cli.init_app(app)
    return app

"""The WSGI entry: `flask --app wsgi …`, `granian wsgi:app`."""

from fieldapp import create_app

app = create_app()

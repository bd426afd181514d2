"""Pure Python that every room may use: no framework, no database, no web."""

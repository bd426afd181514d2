"""The WSGI entry: `flask --app wsgi …`, `granian wsgi:app`."""

import gc

from fieldapp import create_app

app = create_app()

# What the application is made of stays as long as its process. Left in the collector's sight, walking it again and
# again costs a tenth of every page.
gc.collect()
gc.freeze()

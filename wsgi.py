"""The entry of the process: `flask --app wsgi …`, `granian --interface rsgi wsgi:server`, or `wsgi:app` for WSGI."""

import gc
import sys

from fieldapp import create_app, startup
from fieldapp.config import BadConfig, Config
from fieldapp.platform.serving import gateway_for
from fieldapp.services.schedule import Sweeper, server_name

startup.install()
try:
    config = Config.from_environment()
    config.check()
    startup.restrict_access(config.data)
    app = create_app(config)
except BadConfig as error:
    sys.exit(f"Error: {error}")
server = gateway_for(app, config, [Sweeper(app, server_name(config.port))])

# What the application is made of stays as long as its process. Left in the collector's sight, walking it again and
# again costs a tenth of every page.
gc.collect()
gc.freeze()

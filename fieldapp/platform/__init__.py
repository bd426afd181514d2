"""What every feature stands on: database, command bus, pages, search, phones' requests, the server process."""

"""Shared parts of the instruments: a killable server, a faulty network, records, a phone in Node."""

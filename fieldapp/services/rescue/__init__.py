"""Rescue files: what a phone could not send, imported through the command bus, under its author's name."""

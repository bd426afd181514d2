"""Rescue files: import records that a phone could not send, as their author, through the command bus."""

"""Rescue files: what a phone could not send, brought in at a desk through the same door, under its author's name."""

"""Held records whose dependencies never arrived: after some days a person decides (failure mode 47)."""

"""Capturing expenses, claiming them, and what becomes of a claim (D-EXP-1 … D-EXP-8)."""

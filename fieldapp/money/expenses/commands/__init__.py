"""Commands of expenses and claims (D-EXP-1 … D-EXP-8)."""

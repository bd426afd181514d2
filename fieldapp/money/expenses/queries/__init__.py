"""Queries of expenses and claims."""

"""Queries of jobs: lists, search, one job, a customer, and the pages a phone keeps."""

"""Queries of jobs: lists, search, one job, those of a customer, and the pages a phone keeps."""

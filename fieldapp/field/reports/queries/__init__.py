"""Queries of reports: the list, one report with its versions, due reports, panels on other pages."""

"""The work: customers, jobs, service reports."""

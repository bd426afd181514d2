"""Commands of service reports: submit, resubmit, accept, return."""

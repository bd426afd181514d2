"""Reading jobs: the lists, one job, a customer, and what a phone keeps."""

"""Reading jobs: the lists, one job, a customer's, and what a phone keeps."""

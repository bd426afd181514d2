"""Tool loans: a technician asks, the leader approves (with approval, notices, list and files)."""

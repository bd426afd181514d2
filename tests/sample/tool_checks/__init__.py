"""A made-up record type: a technician notes that the tool bag was checked. One folder, nothing else."""

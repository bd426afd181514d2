"""What the work costs: expenses and their reimbursement."""

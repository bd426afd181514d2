"""The reimbursement list: what finance sees, downloads and pays (D-EXP-6)."""

"""What happens to a report: sent, corrected, accepted, returned."""

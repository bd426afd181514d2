"""Reading expenses and claims."""

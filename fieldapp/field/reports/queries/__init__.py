"""Reading reports: the list, one report with its versions, which form is due, panels on other pages."""

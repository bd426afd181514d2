"""Commands of jobs and visits: taps on site, planning, changes and cancellations."""

"""Commands of jobs and visits: taps on site, and dispatch."""

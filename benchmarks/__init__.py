"""What the budgets of docs/performance.md cost today: `python -m benchmarks`, or one of them by name.

Every figure that decides is a ratio to a floor measured in the same interleaved run; see docs/performance.md.
"""

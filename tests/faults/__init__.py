"""Fault-injection instruments that count how the promises hold (`make faults`).

Each module with a `run(size)` is one instrument. It yields `Figure`s: rows of the table in docs/reliability.md.
"""

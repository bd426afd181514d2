"""Instruments that try to break the promises, and print what they counted (`make faults`).

Each module here with a `run(size)` is one instrument. It yields `Figure`s: rows of the table in docs/reliability.md.
"""

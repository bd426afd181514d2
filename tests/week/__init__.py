"""A week of five people in real browsers at once, with cuts, closed tabs and kills at random (`make week`).

`play.py` runs it, `people.py` says what a technician and a leader do, `ledger.py` keeps what the screens confirmed,
`oracle.py` holds the ledger against the database and the screens. FIELDAPP_SEED repeats the order of the acts.
"""

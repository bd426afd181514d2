"""A made-up feature that grants nothing: nobody may use it (tests/architecture/test_permissions.py)."""

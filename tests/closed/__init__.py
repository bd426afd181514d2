"""Made-up features that grant nothing: nobody may use them (tests/architecture/test_permissions.py)."""

"""Commands of accounts, memberships, groups and deputies."""

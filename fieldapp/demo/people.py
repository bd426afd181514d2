"""People of the demo and their groups."""

from __future__ import annotations

from datetime import date

from fieldapp.demo.book import Book
from fieldapp.services.accounts.models import Group, Membership, User
from fieldapp.services.accounts.passwords import hash_password

#: Password of every person of a demo database.
PASSWORD = "demo-field-2026"  # noqa: S105 - published

#: Roles that belong to one group; the others apply everywhere.
GROUP_ROLES = frozenset({"technician", "leader"})

#: Since when everybody of the demo holds their roles: before its first record.
FOUNDED = date(2024, 1, 1)


def add_people(book: Book) -> None:
    """Add groups, users and their roles."""
    data = book.data("people")
    # The database assigns the ids, so that its sequence continues after them.
    for row in data["groups"]:
        group = Group(name=row["name"], city=row["city"])
        book.session.add(group)
        book.session.flush()
        book.groups[row["key"]] = group.id
    # Hashed once: the password hash is slow on purpose.
    password = hash_password(PASSWORD)
    for row in data["users"]:
        user = User(
            username=row["username"],
            name=row["name"],
            phone=row["phone"],
            password_hash=password,
            active=True,
            created_at=book.now,
        )
        book.session.add(user)
        book.session.flush()
        book.users[row["username"]] = user.id
    for row in data["users"]:
        group_id = book.resolve("people.json", book.groups, row["group"]) if row["group"] else None
        book.session.add_all(
            Membership(
                user_id=book.users[row["username"]],
                group_id=group_id if role in GROUP_ROLES else None,
                role=role,
                from_on=FOUNDED,
            )
            for role in row["roles"]
        )
    book.session.flush()

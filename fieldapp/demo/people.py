"""The people of the demo and their groups."""

from __future__ import annotations

from fieldapp.demo.book import Book
from fieldapp.services.accounts.models import Group, Membership, User
from fieldapp.services.accounts.passwords import hash_password

#: Everybody's, and only in a demo database.
PASSWORD = "demo-field-2026"  # noqa: S105 - published

#: Roles that are held in one group; the others everywhere.
OF_A_GROUP = frozenset({"technician", "leader"})


def add_people(book: Book) -> None:
    """Groups, users and their roles."""
    data = book.data("people")
    # The database gives the numbers, one after the other: it must know where to go on afterwards.
    for one in data["groups"]:
        group = Group(name=one["name"], city=one["city"])
        book.session.add(group)
        book.session.flush()
        book.groups[one["key"]] = group.id
    # One hash for all: a slow hash is meant to be slow.
    password = hash_password(PASSWORD)
    for one in data["users"]:
        user = User(
            username=one["username"],
            name=one["name"],
            phone=one["phone"],
            password_hash=password,
            active=True,
            created_at=book.now,
        )
        book.session.add(user)
        book.session.flush()
        book.users[one["username"]] = user.id
    for one in data["users"]:
        own = book.known("people.json", book.groups, one["group"]) if one["group"] else None
        book.session.add_all(
            Membership(user_id=book.users[one["username"]], group_id=own if role in OF_A_GROUP else None, role=role)
            for role in one["roles"]
        )
    book.session.flush()

"""The customers of the demo: sites, contacts, assets and contracts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from fieldapp.demo.book import Book
from fieldapp.field.customers import Asset, Contact, Contract, ContractAsset, Customer, Site


def add_customers(book: Book) -> None:
    """All customers with what belongs to them."""
    for one in book.data("customers"):
        customer = book.customers[one["key"]] = book.id("customer", one["key"])
        book.session.add(
            Customer(id=customer, name=one["name"], kind=one["kind"], phone=one["phone"], note=one["note"] or "")
        )
    book.session.flush()
    for one in book.data("customers"):
        for site in one["sites"]:
            book.sites[site["key"]] = book.id("site", site["key"])
            book.session.add(
                Site(
                    id=book.sites[site["key"]],
                    customer_id=book.customers[one["key"]],
                    name=site["name"],
                    address=site["address"],
                    lat=site["lat"],
                    lon=site["lon"],
                )
            )
    book.session.flush()
    for one in book.data("customers"):
        for site in one["sites"]:
            _add_site(book, site)
    book.session.flush()
    for one in book.data("customers"):
        if one["contract"]:
            _add_contract(book, one)
    book.session.flush()


def _add_site(book: Book, site: dict[str, Any]) -> None:
    where = book.sites[site["key"]]
    for one in site["contacts"]:
        book.contacts[one["key"]] = book.id("contact", one["key"])
        book.session.add(
            Contact(
                id=book.contacts[one["key"]],
                site_id=where,
                name=one["name"],
                title=one["title"] or "",
                phone=one["phone"],
            )
        )
    for one in site["assets"]:
        book.assets[one["key"]] = book.id("asset", one["key"])
        bought = book.today - timedelta(days=one["purchased_days_ago"])
        book.session.add(
            Asset(
                id=book.assets[one["key"]],
                site_id=where,
                category=one["category"],
                model=one["model"],
                serial_no=one["serial_no"],
                plate=one["plate"],
                sim_no=one["sim_no"],
                mounted_at=one["mounted_at"],
                purchased_on=bought,
                warranty_until=months_after(bought, one["warranty_months"]),
                note=one["note"] or "",
            )
        )


def _add_contract(book: Book, customer: dict[str, Any]) -> None:
    one = customer["contract"]
    started = book.today - timedelta(days=one["started_days_ago"])
    contract = book.id("contract", one["number"])
    book.session.add(
        Contract(
            id=contract,
            customer_id=book.customers[customer["key"]],
            number=one["number"],
            service=one["service"],
            starts_on=started,
            ends_on=months_after(started, one["months"]),
        )
    )
    book.session.flush()
    where = f"customers.json, contract {one['number']}"
    for key in one["assets"]:
        book.session.add(ContractAsset(contract_id=contract, asset_id=book.known(where, book.assets, key)))


def months_after(day: date, months: int) -> date:
    """The last day of so many months that begin on `day`."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    following = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    last = (following - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last)) - timedelta(days=1)

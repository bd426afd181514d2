"""Customers of the demo with sites, contacts, assets and contracts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from fieldapp.demo.book import Book
from fieldapp.field.customers import Asset, Contact, Contract, ContractAsset, Customer, Site


def add_customers(book: Book) -> None:
    """Add all customers with their sites, contacts, assets and contracts."""
    for customer_row in book.data("customers"):
        customer = book.customers[customer_row["key"]] = book.id("customer", customer_row["key"])
        book.session.add(
            Customer(
                id=customer,
                name=customer_row["name"],
                kind=customer_row["kind"],
                phone=customer_row["phone"],
                note=customer_row["note"] or "",
            )
        )
    book.session.flush()
    for customer_row in book.data("customers"):
        for site in customer_row["sites"]:
            book.sites[site["key"]] = book.id("site", site["key"])
            book.session.add(
                Site(
                    id=book.sites[site["key"]],
                    customer_id=book.customers[customer_row["key"]],
                    name=site["name"],
                    address=site["address"],
                    lat=site["lat"],
                    lon=site["lon"],
                )
            )
    book.session.flush()
    for customer_row in book.data("customers"):
        for site in customer_row["sites"]:
            _add_site(book, site)
    book.session.flush()
    for customer_row in book.data("customers"):
        if customer_row["contract"]:
            _add_contract(book, customer_row)
    book.session.flush()


def _add_site(book: Book, site: dict[str, Any]) -> None:
    site_id = book.sites[site["key"]]
    for row in site["contacts"]:
        book.contacts[row["key"]] = book.id("contact", row["key"])
        book.session.add(
            Contact(
                id=book.contacts[row["key"]],
                site_id=site_id,
                name=row["name"],
                title=row["title"] or "",
                phone=row["phone"],
            )
        )
    for row in site["assets"]:
        book.assets[row["key"]] = book.id("asset", row["key"])
        purchased_on = book.today - timedelta(days=row["purchased_days_ago"])
        book.session.add(
            Asset(
                id=book.assets[row["key"]],
                site_id=site_id,
                category=row["category"],
                model=row["model"],
                serial_no=row["serial_no"],
                plate=row["plate"],
                sim_no=row["sim_no"],
                mounted_at=row["mounted_at"],
                purchased_on=purchased_on,
                warranty_until=months_after(purchased_on, row["warranty_months"]),
                note=row["note"] or "",
            )
        )


def _add_contract(book: Book, customer: dict[str, Any]) -> None:
    row = customer["contract"]
    starts_on = book.today - timedelta(days=row["started_days_ago"])
    contract = book.id("contract", row["number"])
    book.session.add(
        Contract(
            id=contract,
            customer_id=book.customers[customer["key"]],
            number=row["number"],
            service=row["service"],
            starts_on=starts_on,
            ends_on=months_after(starts_on, row["months"]),
        )
    )
    book.session.flush()
    place = f"customers.json, contract {row['number']}"
    for key in row["assets"]:
        book.session.add(ContractAsset(contract_id=contract, asset_id=book.resolve(place, book.assets, key)))


def months_after(day: date, months: int) -> date:
    """Return the last day of a period of `months` that begins on `day`."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    following = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    last = (following - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last)) - timedelta(days=1)

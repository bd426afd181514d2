"""Customers, their sites, contacts, installed assets and maintenance contracts."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Date, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.kernel.findable import Findable
from fieldapp.platform.extensions import Model
from fieldapp.platform.search import searchable


class Customer(Model):
    """A company or a household."""

    __tablename__ = "customer"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), index=True)
    kind: Mapped[str] = mapped_column(String(12))
    phone: Mapped[str] = mapped_column(String(30), index=True)
    note: Mapped[str] = mapped_column(Text, default="")


class Site(Model):
    """A customer's address where work is done. `lat` and `lon` are WGS 84 degrees, None if unknown."""

    __tablename__ = "site"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    address: Mapped[str] = mapped_column(String(200))
    lat: Mapped[float | None] = mapped_column(Float)
    lon: Mapped[float | None] = mapped_column(Float)


class Contact(Model):
    """A person to call at a site."""

    __tablename__ = "contact"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    site_id: Mapped[str] = mapped_column(ForeignKey("site.id"), index=True)
    name: Mapped[str] = mapped_column(String(60))
    title: Mapped[str] = mapped_column(String(60), default="")
    phone: Mapped[str] = mapped_column(String(30), index=True)


class Asset(Model):
    """One installed product. `category`: gps_terminal, air_conditioner, water_purifier, printer or other."""

    __tablename__ = "asset"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    site_id: Mapped[str] = mapped_column(ForeignKey("site.id"), index=True)
    category: Mapped[str] = mapped_column(String(30))
    model: Mapped[str] = mapped_column(String(60))
    serial_no: Mapped[str] = mapped_column(String(60), index=True)
    plate: Mapped[str | None] = mapped_column(String(20), index=True)
    sim_no: Mapped[str | None] = mapped_column(String(30))
    mounted_at: Mapped[str | None] = mapped_column(String(100))
    purchased_on: Mapped[date | None] = mapped_column(Date)
    warranty_until: Mapped[date | None] = mapped_column(Date)
    note: Mapped[str] = mapped_column(Text, default="")
    ver: Mapped[int] = mapped_column(Integer, default=1)


class Contract(Model):
    """A maintenance contract for a period."""

    __tablename__ = "contract"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    number: Mapped[str] = mapped_column(String(40), unique=True)
    service: Mapped[str] = mapped_column(String(200))
    starts_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date] = mapped_column(Date)


class ContractAsset(Model):
    """An asset covered by a contract."""

    __tablename__ = "contract_asset"

    contract_id: Mapped[str] = mapped_column(ForeignKey("contract.id"), primary_key=True)
    asset_id: Mapped[str] = mapped_column(ForeignKey("asset.id"), primary_key=True)

    __table_args__ = (Index("ix_contract_asset_asset_id", "asset_id"),)


searchable(Customer, ("name", "phone"), lambda name, phone: Findable.of(inside=[name], start=[phone]))
searchable(Contact, ("phone",), lambda phone: Findable.of(start=[phone]))
searchable(Asset, ("plate", "serial_no"), lambda plate, serial_no: Findable.of(inside=[plate], start=[serial_no]))

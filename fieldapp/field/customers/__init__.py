"""Customers, their sites, contacts, assets and contracts. What other features may use of them is here."""

from fieldapp.field.customers.extension_points import CUSTOMER_PANELS, SERVES_CUSTOMER
from fieldapp.field.customers.links import call_url, map_url
from fieldapp.field.customers.models import Asset, Contact, Contract, ContractAsset, Customer, Site
from fieldapp.field.customers.words import CATEGORIES

__all__ = [
    "CATEGORIES",
    "CUSTOMER_PANELS",
    "SERVES_CUSTOMER",
    "Asset",
    "Contact",
    "Contract",
    "ContractAsset",
    "Customer",
    "Site",
    "call_url",
    "map_url",
]

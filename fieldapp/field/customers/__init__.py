"""Customers, their sites, contacts, assets and contracts."""

from fieldapp.field.customers.models import Asset, Contact, Contract, ContractAsset, Customer, Site

__all__ = ["Asset", "Contact", "Contract", "ContractAsset", "Customer", "Site"]

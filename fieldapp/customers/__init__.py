"""Customers, their sites, contacts, assets and contracts."""

from fieldapp.customers.models import Asset, Contact, Contract, ContractAsset, Customer, Site

__all__ = ["Asset", "Contact", "Contract", "ContractAsset", "Customer", "Site"]

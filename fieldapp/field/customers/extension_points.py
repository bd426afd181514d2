"""What a customer's page asks of other features."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fieldapp.field.customers.models import Customer
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.manifest import Panel, in_order
from fieldapp.platform.extensions import ExtensionPoint

#: Parts of a customer's page, below its sites.
CUSTOMER_PANELS: ExtensionPoint[Callable[[Actor, Customer], Iterable[Panel]]] = ExtensionPoint("customer panels")
#: Whether a person has work at the customer with this id, and so sees it without seeing all groups (D-AUD-2).
SERVES_CUSTOMER: ExtensionPoint[Callable[[Actor, str], bool]] = ExtensionPoint("serves customer")


def customer_panels(actor: Actor, customer: Customer) -> list[Panel]:
    """Return what features show on a customer's page, in order."""
    return in_order(panel for of_feature in CUSTOMER_PANELS.all() for panel in of_feature(actor, customer))


def serves(actor: Actor, customer_id: str) -> bool:
    """Return whether any feature knows of work of this person at the customer."""
    return any(of_feature(actor, customer_id) for of_feature in SERVES_CUSTOMER.all())

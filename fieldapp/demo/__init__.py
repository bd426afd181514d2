"""Demo data: two groups with their people, customers and a working day, the same at every start.

`fill()` needs an empty database. Times are around the time of filling; no event is in the future.
"""

from __future__ import annotations

from fieldapp.demo.book import BadDemo, Book
from fieldapp.demo.customers import add_customers
from fieldapp.demo.jobs import add_jobs
from fieldapp.demo.people import PASSWORD, add_people
from fieldapp.platform.extensions import DEMO

__all__ = ["PASSWORD", "BadDemo", "Book", "fill"]


def fill() -> None:
    """Fill an empty database: people, customers and jobs as rows, then the demo data of every feature.

    Raise BadDemo, naming the file, if the data do not match; the rows of that step are rolled back.
    """
    book = Book()
    try:
        add_people(book)
        add_customers(book)
        add_jobs(book)
        book.store()
        for add_demo_data in DEMO.all():
            add_demo_data(book)
            book.store()
    except BaseException as error:
        book.rollback(error)
        raise

"""Demo data: two groups with their people, customers and a working day, the same at every start.

`fill()` is for an empty database. Times lie around the moment of filling; nothing happened in the future.
"""

from __future__ import annotations

from fieldapp.demo.book import BadDemo, Book
from fieldapp.demo.customers import add_customers
from fieldapp.demo.jobs import add_jobs
from fieldapp.demo.people import PASSWORD, add_people
from fieldapp.platform.extensions import DEMO

__all__ = ["PASSWORD", "BadDemo", "Book", "fill"]


def fill() -> None:
    """Fills an empty database: people, customers and jobs as rows, then what each feature tells of its own.

    Raises BadDemo, naming the file, where the data do not fit together; the rows of that step are then not written.
    """
    book = Book()
    try:
        add_people(book)
        add_customers(book)
        add_jobs(book)
        book.keep()
        for add_demo_data in DEMO.all():
            add_demo_data(book)
            book.keep()
    except BaseException as error:
        book.give_up(error)
        raise

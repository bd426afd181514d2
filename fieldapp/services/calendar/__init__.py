"""The company's working calendar: usual week, holidays, make-up days, own days of groups; kept in versions."""

from fieldapp.services.calendar.queries import working_calendar

__all__ = ["working_calendar"]

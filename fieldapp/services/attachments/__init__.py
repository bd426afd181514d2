"""Files of records: receive them, store them by hash, show safe copies."""

from fieldapp.services.attachments.desk import take_files
from fieldapp.services.attachments.queries import files_of, progress_of

__all__ = ["files_of", "progress_of", "take_files"]

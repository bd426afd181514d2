"""Files that belong to records: taking them in, keeping them by their hash, showing safe copies."""

from fieldapp.services.attachments.desk import take_files
from fieldapp.services.attachments.queries import files_of, progress_of

__all__ = ["files_of", "progress_of", "take_files"]

"""Lists of all features as files, and views of them that people save and share."""

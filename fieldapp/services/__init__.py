"""What features share: people, settings, phones, files, approvals."""

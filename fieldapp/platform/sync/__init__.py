"""The JSON endpoints of phones: hello, push, receipts, attachments, pack (docs/sync-protocol.md)."""

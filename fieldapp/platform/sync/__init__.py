"""The JSON mouth of the door: hello, push, receipts, attachments, pack (docs/sync-protocol.md)."""

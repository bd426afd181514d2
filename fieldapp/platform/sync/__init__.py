"""JSON channel of the command bus: hello, push, receipts, attachments, pack (docs/sync-protocol.md)."""

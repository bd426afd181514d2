"""The JSON mouth of the door: hello, push, receipts, attachments, pack (contract, design §5)."""

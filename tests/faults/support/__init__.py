"""What the instruments share: a server that rises at once, a network that lies, records, a phone in Node."""

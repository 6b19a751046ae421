"""The explorer in the browser: what it knows and does, and apart from that its page."""

"""Speed of GQNs and their training beside peers."""

"""Speed of the environments beside peers."""

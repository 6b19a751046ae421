"""The camera: where it may stand, and the actions that turn it."""

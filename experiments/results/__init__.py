"""The figures of the documentation: measured by commands, stored with where they come from."""

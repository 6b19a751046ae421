"""Agents on disk, without pickle."""

"""Shepard-Metzler objects, the catalogue of their shapes, and scenes that show one."""

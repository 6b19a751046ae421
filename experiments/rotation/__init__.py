"""The benchmark of mental rotation: pairs as others have published them, and who answers."""

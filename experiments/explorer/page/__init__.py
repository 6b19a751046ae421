"""The page of the explorer: tabs, pictures and the wiring of their events."""

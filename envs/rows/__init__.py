"""The state of N rows: scenes, views, episodes, generators, and snapshots of all of it."""

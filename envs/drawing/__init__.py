"""Pictures of episodes for people."""

"""Parts of the commands that train, evaluate and play agents."""

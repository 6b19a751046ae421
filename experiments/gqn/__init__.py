"""Parts of the commands that pre-train and evaluate a GQN."""

"""What the commands that evaluate agents and GQNs do, beside the flags that ask for it."""

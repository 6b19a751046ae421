"""What can be known of a scene from views of it."""

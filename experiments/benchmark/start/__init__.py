"""What a user waits for, and memory of single environments."""

"""What takes in pictures, where no encoder has."""

"""The environments in the form of ap_gym."""

"""Where training views come from."""

"""Sources of training views."""

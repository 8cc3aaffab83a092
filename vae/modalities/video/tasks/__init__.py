"""Tasks that only video has."""

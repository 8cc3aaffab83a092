"""Tasks that only counts have."""

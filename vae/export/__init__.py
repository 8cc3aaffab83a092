"""Models that travel: files of a run for other programs, a page, a card, and the hub."""

"""Evaluation: likelihood estimates per example, and the figures and warnings drawn from them."""

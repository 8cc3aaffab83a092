"""Evaluation: likelihood estimates per example, and the metrics and warnings made from them."""

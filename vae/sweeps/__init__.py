"""Sweeps: many trainings of one experiment, each a run directory, searched by one coordinator."""

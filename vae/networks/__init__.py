"""Networks: pure Linen modules without mutable state; see `network.py`."""

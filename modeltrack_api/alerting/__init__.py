"""Raise alerts: what sets them off, the thread that looks for them, and the handlers that show them."""

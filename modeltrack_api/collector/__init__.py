"""Collects what infrastructure costs by team into the event log: `python -m modeltrack_api.collector`."""

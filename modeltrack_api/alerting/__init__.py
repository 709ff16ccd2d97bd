"""Alerts and reports: what sets them off, and their way to Slack."""

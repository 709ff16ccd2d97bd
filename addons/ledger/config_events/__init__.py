"""Note each accepted change of a file in DATA_DIR in config_events.jsonl: when, what, and by whom."""

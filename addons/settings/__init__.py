"""The settings of the proxy: what they are (`fields`), what a value may be (`kinds`), and where it comes from."""

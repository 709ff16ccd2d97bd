"""The command `modeltrack`."""

"""Measurements: what the project says of its costs is made by these commands."""

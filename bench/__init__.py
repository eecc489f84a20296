"""Measures what the design promises: `make bench`. Never part of a running Taktboard."""

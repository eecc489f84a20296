"""The only home of SQL: what is kept, how it is derived, and what the boards read."""

"""A seeded plant behind the real protocols, with the truth it produced."""

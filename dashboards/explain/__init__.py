"""The page behind a figure: its formula with the numbers put in, and what they are made of."""

from dashboards.explain.views import register

__all__ = ["register"]

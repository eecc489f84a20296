"""The page of count corrections: a form for those who may, and the list with who, when and why."""

from dashboards.corrections.views import register

__all__ = ["register"]

"""Figures: all of them, by place, product, order or time; as table, chart, CSV and JSON."""

from dashboards.kpis.views import register

__all__ = ["register"]

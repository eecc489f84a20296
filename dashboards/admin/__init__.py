"""Users, wall screens, the audit trail, and one's own account."""

from dashboards.admin.views import blueprint

__all__ = ["blueprint"]

"""The access log: who asked about whom, what was decided, what was released, durable before it happens.

``log`` the path's door · ``events`` their bytes · ``pseudonyms`` what stands there instead of a child ·
``settings`` where log and keys lie · ``store`` the file, its one writer, its group commit.
"""

from portal.accesslog.errors import AccessMisused, LogUnavailable
from portal.accesslog.log import Access, AccessLog
from portal.accesslog.settings import LogSettings

__all__ = ["Access", "AccessLog", "AccessMisused", "LogSettings", "LogUnavailable"]

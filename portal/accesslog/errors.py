"""What can go wrong with the access log while the portal runs. No message here holds anything about a child."""

from __future__ import annotations

from portal.errors import PortalError


class LogUnavailable(PortalError):
    """CV701: the access log cannot be written, so nobody is asked and nothing is shown.

    ``why`` is for operators: the storage's name for the failure, or what is full.
    """

    def __init__(self, why: str) -> None:
        words = "We cannot record who looks, so no child's page can be shown now."
        super().__init__("CV701", words, 503, "To keep a child safe, phone. The numbers are at /contacts.", retry_after=30)
        self.why = why


class AccessMisused(RuntimeError):
    """CV907: an access was not entered once and concluded once. A bug in the portal, never in a question."""

    id = "CV907"

    def __init__(self, what: str) -> None:
        super().__init__(f"{self.id} {what}")

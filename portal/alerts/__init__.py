"""Alerts: what officers and operators are told, durable before it leaves, and never of whom.

``letters`` what is told, in words · ``outbox`` the table it waits in · ``channels`` the file, the webhook, the email ·
``delivery`` who takes from the one to the other.
"""

from portal.alerts.channels import AlertTerms, Officer
from portal.alerts.delivery import Alerts
from portal.alerts.letters import Alert, Letter
from portal.alerts.outbox import TABLES

__all__ = ["TABLES", "Alert", "AlertTerms", "Alerts", "Letter", "Officer"]

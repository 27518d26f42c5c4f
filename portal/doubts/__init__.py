"""The wrong child: a practitioner says that a record shown as this child's is another child's. Only its source says when that is over.

``tables`` where reports stand · ``handles`` what a view gives to report by · ``heeding`` what a report does to later finds ·
``doubts`` who may say so, and who may say that it is over.
"""

from portal.doubts.doubts import Closed, Doubt, Doubts, Report
from portal.doubts.handles import Handle
from portal.doubts.heeding import DOUBTED, UNKNOWN, Standing, heed
from portal.doubts.tables import TABLES

__all__ = ["DOUBTED", "TABLES", "UNKNOWN", "Closed", "Doubt", "Doubts", "Handle", "Report", "Standing", "heed"]

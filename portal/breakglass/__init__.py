"""Breaking the glass: for a while, for one child, more than the agreements ordinarily show; told, reviewed, and never a shield's end.

``glass`` who may, and what is written when it happens · ``children`` whether it is the same child again · ``reviews`` who looks at it
afterwards, and by when · ``workdays`` when that is · ``tables`` where all of it stands.
"""

from portal.breakglass.glass import Glass, GlassTerms, opens_nothing
from portal.breakglass.reviews import Review
from portal.breakglass.tables import TABLES

__all__ = ["TABLES", "Glass", "GlassTerms", "Review", "opens_nothing"]

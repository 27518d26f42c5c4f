"""Who is told of what an access did beside the one who asked: officers of the agencies, by ids alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from portal.alerts import Alert
from portal.model import Decision, Manifest, Practitioner


def of_declaring(decision: Decision, practitioner: Practitioner, agency_of: Mapping[str, str], access: str) -> list[Alert]:
    """Nobody could vouch, and the asker declared to work with the child: officers are told, as when the glass is broken."""
    opened = {agency_of[ruling.source] for ruling in decision.permitted if ruling.voucher == "declared"}
    told = sorted(opened | {practitioner.agency}) if opened else []
    return [Alert(kind="declared", to=agency, by_agency=practitioner.agency, access=access) for agency in told]


def of_showing(decision: Decision, manifest: Manifest, practitioner: Practitioner, access: str) -> list[Alert]:
    """Clauses name agencies that are told when something was shown under them: that it was, not of whom."""
    shown = {(each.source, each.kind) for each in manifest.released}
    told = {(agency, ruling.clause) for ruling in decision.permitted if (ruling.source, ruling.kind) in shown for agency in ruling.notify}
    by = practitioner.agency
    return [Alert(kind="shown", to=agency, agreement=clause, by_agency=by, access=access) for agency, clause in sorted(told, key=str)]

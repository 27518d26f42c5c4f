"""One folder is one federation: ``federation.toml``, ``sources/*.toml``, ``agreements/*.md``, read-only to the portal.

``load_federation`` reads the whole folder into one frozen ``Federation``, or reports every mistake in it at once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec

from connectors.declarative import Declared, declare
from connectors.errors import ConfigurationError, Mistake
from connectors.release import is_sensitive
from connectors.settings import Document, collect, read
from connectors.standard import Standard
from portal.accesslog import LogSettings
from portal.agreements import Agreements, IssuerFacts, SourceFacts, Vocabulary, load_agreements, mapping_of
from portal.agreements.keys import PublicKey, SucceedingKey, plain, succession_mistakes
from portal.issuers import IssuerSettings, production_mistakes
from portal.model import Jurisdiction

AgencyType = Literal["school", "health", "social-work", "police", "fire", "third-sector", "housing", "other"]
Id = Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9_-]{0,62}$")]
#: A name that stands in the lines partners sign, so that no tab or line end may part it.
Service = Annotated[str, msgspec.Meta(pattern=r"^[^\t\r\n]+$")]

#: What a local source is called where place is withheld, for every child.
MASKS: dict[AgencyType, str] = {
    "school": "a school",
    "health": "a health team",
    "social-work": "a social work team",
    "police": "a police team",
    "fire": "a fire station",
    "third-sector": "a support service",
    "housing": "a housing team",
    "other": "a local service",
}


class PortalSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who runs the portal. ``budget`` is seconds for one question, ``shield_wait`` seconds for the shield sources' finds.

    ``voucher_wait`` is seconds for those who vouch. ``jurisdiction`` says whose law decides when a young person speaks for themselves.
    """

    id: Id
    name: str
    budget: Annotated[float, msgspec.Meta(gt=0, le=60)] = 8.0
    shield_wait: Annotated[float, msgspec.Meta(ge=0, le=10)] = 0.7
    voucher_wait: Annotated[float, msgspec.Meta(gt=0, le=30)] = 2.0
    jurisdiction: Jurisdiction = "scotland"
    standard: str = "1.0"


class Agency(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An organisation with duties: its duty and out-of-hours numbers, its privacy officer and its signing keys by id."""

    name: str
    phone: str
    out_of_hours: str | None = None
    privacy_officer: str | None = None
    type: AgencyType = "other"
    keys: dict[str, PublicKey | SucceedingKey] = msgspec.field(default_factory=dict)


class RegistrySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where consents, objections, reviews and alerts are kept; ``recorders`` are the roles that may write consents and objections down."""

    url: str = "sqlite:registry.db"
    recorders: tuple[Id, ...] = ()


class BreakGlassSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``reasons`` (id -> words) for which the glass may be broken, ``reviewers`` the roles that review it at the source's agency.

    ``fresh`` is in seconds: so long ago at most must the person have signed in. ``review_days`` are working days.
    """

    reasons: dict[Id, str]
    reviewers: tuple[Id, ...]
    fresh: Annotated[int, msgspec.Meta(ge=30, le=3600)] = 300
    review_days: Annotated[int, msgspec.Meta(ge=1, le=20)] = 2


class DoubtSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``officers`` are the roles that close reports of a wrong child, each at the agency whose record it is."""

    officers: tuple[Id, ...] = ()


class AlertSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How alerts leave. ``file`` takes a copy of every one (one JSON object a line); ``smtp`` is ``smtp://`` or ``smtps://host:port``."""

    file: str | None = "alerts.jsonl"
    smtp: str | None = None
    sender: str | None = None


class FederationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``federation.toml``, key by key."""

    portal: PortalSettings
    log: LogSettings
    roles: dict[Id, str]
    purposes: dict[Id, str]
    agencies: dict[Id, Agency]
    issuers: list[IssuerSettings]
    sensitive_services: tuple[Service, ...] = ()
    shield_sources: tuple[str, ...] = ()
    registry: RegistrySettings = RegistrySettings()
    break_glass: BreakGlassSettings | None = None
    doubts: DoubtSettings = DoubtSettings()
    alerts: AlertSettings = AlertSettings()


class Federation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one folder says, checked."""

    folder: Path
    settings: FederationSettings
    standard: Standard
    declared: Mapping[str, Declared]
    vocabulary: Vocabulary
    agreements: Agreements


def load_federation(folder: Path, standard: Standard, *, environment: bool = True) -> Federation:
    """Read a federation folder whole. Raises ConfigurationError with every mistake of every file.

    Without ``environment``, variables that are not set are no mistake: for commands that ask nobody.
    """
    settings, declared, vocabulary, mistakes = _without_agreements(folder, standard, environment)
    try:
        agreements = load_agreements(folder / "agreements", vocabulary)
    except ConfigurationError as error:
        raise ConfigurationError(mistakes + error.mistakes) from None
    if mistakes:
        raise ConfigurationError(mistakes)
    return Federation(folder=folder, settings=settings, standard=standard, declared=declared, vocabulary=vocabulary, agreements=agreements)


def load_vocabulary(folder: Path, standard: Standard) -> Vocabulary:
    """What an agreement may speak of, for commands that mend, sign or stop one while it or its neighbour is not in order.

    Raises ConfigurationError with every mistake of every file but agreements.
    """
    _, _, vocabulary, mistakes = _without_agreements(folder, standard, environment=False)
    if mistakes:
        raise ConfigurationError(mistakes)
    return vocabulary


def refused_in_production(federation: Federation) -> list[Mistake]:
    """What production refuses beyond what any federation refuses: the demo's issuer, plain http and loopback issuers."""
    return production_mistakes(federation.settings.issuers, str(federation.folder / "federation.toml"))


def is_police(declared: Declared, settings: FederationSettings) -> bool:
    """Whether a source's records are police records, which leave only with a handling code that lets them be shared."""
    return settings.agencies[declared.settings.agency].type == "police" or "PoliceEvent" in declared.connector.provided()


def state_folder(federation: str, given: Path | None = None) -> Path:
    """Where the portal keeps what it keeps: ``--state``, or the user's state folder by federation id. Made if missing, mode 0700."""
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    state = given or home / "childview" / federation
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    return state


def _without_agreements(
    folder: Path, standard: Standard, environment: bool
) -> tuple[FederationSettings, dict[str, Declared], Vocabulary, list[Mistake]]:
    settings, document, named, mistakes = _settings(folder, environment)
    declared, more = _sources(folder, standard)
    mistakes += more
    if settings is None:
        raise ConfigurationError(mistakes)
    mistakes += _unknown_references(settings, document, declared, folder)
    mistakes += _unvouched_keys(settings, document)
    return settings, declared, _vocabulary(settings, standard, declared, named), mistakes


def _settings(folder: Path, environment: bool) -> tuple[FederationSettings | None, Document, list[str], list[Mistake]]:
    document = read(folder / "federation.toml", "CV101")
    named = [str(issuer.get("issuer")) for issuer in document.raw.get("issuers", []) if isinstance(issuer, dict)]
    unset = _environment(document)
    mistakes = unset if environment else []
    settings, wrong = collect(FederationSettings, document, "CV102")
    return settings, document, named, mistakes + wrong


def _environment(document: Document) -> list[Mistake]:
    """Put the environment's values where an issuer stands as ``env:NAME``; a variable that is not set is a mistake."""
    mistakes = []
    for issuer in document.raw.get("issuers", []):
        named = issuer.get("issuer", "") if isinstance(issuer, dict) else ""
        if not (isinstance(named, str) and named.startswith("env:")):
            continue
        value = os.environ.get(named[4:])
        if value is None:
            hint = f"Set {named[4:]} to the issuer's address."
            mistakes.append(document.mistake("CV103", f"the environment has no {named[4:]}.", "issuers", "issuer", hint=hint))
        # A name of its own for each, so that two that are not set are still two.
        issuer["issuer"] = value or f"https://unset.invalid/{quote(named[4:])}"
    return mistakes


def _sources(folder: Path, standard: Standard) -> tuple[dict[str, Declared], list[Mistake]]:
    declared: dict[str, Declared] = {}
    mistakes: list[Mistake] = []
    for path in sorted((folder / "sources").glob("*.toml")):
        try:
            declared[path.stem] = declare(path, standard, folder)
        except ConfigurationError as error:
            mistakes += error.mistakes
    return declared, mistakes


def _unknown_references(settings: FederationSettings, document: Document, declared: Mapping[str, Declared], folder: Path) -> list[Mistake]:
    """Names that point nowhere: shield sources, issuers' agencies and roles, the sources' agencies."""
    mistakes = [
        document.mistake("CV104", f"shield_sources names {source!r}, which is no source.", "shield_sources", hint="Add sources/NAME.toml.")
        for source in settings.shield_sources
        if source not in declared
    ]
    for issuer in settings.issuers:
        known = (("agencies", settings.agencies), ("roles", settings.roles))
        mistakes += [
            document.mistake(
                "CV105",
                f"may_assert.{what} names {name!r}, which is not known here.",
                "issuers",
                "may_assert",
                what,
                hint=f"Add it to {what}.",
            )
            for what, names in known
            for name in getattr(issuer.may_assert, what)
            if name not in names
        ]
    mistakes += [
        Mistake(
            id="CV106",
            message=f"its agency {each.settings.agency!r} is not in federation.toml.",
            file=str(folder / "sources" / f"{each.id}.toml"),
            line=1,
            hint="Add the agency, or correct the name.",
        )
        for each in declared.values()
        if each.settings.agency not in settings.agencies
    ]
    return mistakes


def _unvouched_keys(settings: FederationSettings, document: Document) -> list[Mistake]:
    """Keys of agencies that no earlier key of the same agency vouches for (CV219)."""
    return [
        document.mistake("CV219", message, "agencies", id, "keys", key_id, hint=hint)
        for id, agency in settings.agencies.items()
        for key_id, message, hint in succession_mistakes(settings.portal.id, id, agency.keys)
    ]


def _vocabulary(settings: FederationSettings, standard: Standard, declared: Mapping[str, Declared], named: Sequence[str]) -> Vocabulary:
    """What an agreement may speak of. ``named`` is how the file names each issuer: its address may stand in the environment."""
    return Vocabulary(
        federation=settings.portal.id,
        standard=standard,
        agencies={id: {key_id: plain(key) for key_id, key in agency.keys.items()} for id, agency in settings.agencies.items()},
        roles=frozenset(settings.roles),
        purposes=frozenset(settings.purposes),
        sensitive_services=frozenset(settings.sensitive_services),
        sources={each.id: _source_facts(each, settings) for each in declared.values() if each.settings.agency in settings.agencies},
        jurisdiction=settings.portal.jurisdiction,
        assurance=frozenset(level for issuer in settings.issuers for level in issuer.assurance),
        glass_reasons=frozenset(settings.break_glass.reasons) if settings.break_glass else frozenset(),
        issuers={issuer.issuer: _issuer_facts(name, issuer) for name, issuer in zip(named, settings.issuers, strict=True)},
    )


def _source_facts(declared: Declared, settings: FederationSettings) -> SourceFacts:
    lifted = is_sensitive(declared.settings.service, settings.sensitive_services)
    return SourceFacts(
        agency=declared.settings.agency,
        kinds=frozenset(declared.connector.provided()),
        tier=max(filter(None, (declared.settings.tier, "T4" if lifted else None)), default=None),
        police=is_police(declared, settings),
        vouches=declared.connector.vouches,
    )


def _issuer_facts(named: str, issuer: IssuerSettings) -> IssuerFacts:
    claims = {"person": issuer.claims.person, "agency": issuer.claims.agency, "roles": issuer.claims.roles}
    mapping = mapping_of({**claims, "assurance": issuer.claims.assurance}, issuer.audience, issuer.assurance)
    return IssuerFacts(named, frozenset(issuer.may_assert.agencies), frozenset(issuer.may_assert.roles), mapping)

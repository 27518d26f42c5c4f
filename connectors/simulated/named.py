"""The children of Northshire who have a name in the tests and the tutorial, with their homes and families.

Every hard case of a multi-agency question is one of them; ``deploy/demo/README.md`` tells their stories. What happened to
them stands in ``stories.py``.
"""

from __future__ import annotations

from datetime import date
from itertools import islice

from connectors.simulated import numbers
from connectors.simulated.chronicles import chronicles
from connectors.simulated.happenings import Absences, Histories, Involved, joined
from connectors.simulated.people import Adult, Child, Family, Home, Sex, Shield
from connectors.simulated.stories import histories_of_others, jo_ash, robin_ash

SOCIAL_WORKER = "ewan"
HEALTH_VISITOR = "hamida"
NAMED_PERSON = "morag"
#: The workers who can sign in: their names, and how the identity provider names them.
SIGN_IN = {"Morag Baillie": NAMED_PERSON, "Ewan Drummond": SOCIAL_WORKER, "Hamida Yusuf": HEALTH_VISITOR}
#: Who works with a client of social work besides its own people: Hamida stayed with Zara's family when they had to leave their home.
STAYED_WITH = {"zara": (HEALTH_VISITOR,)}


def families() -> tuple[Family, ...]:
    """Every named family."""
    return (
        _family("ash", ("Karen", "Ash"), _jo(), _robin()),
        _family("munro", ("Fiona", "Munro"), *_twins()),
        _family("carter", ("Michelle", "Carter"), _moved_here()),
        _family("sinclair", ("Lynsey", "Sinclair"), _renamed()),
        _family("lockhart", ("Heather", "Lockhart"), _adopted()),
        _family("tait", ("Donna", "Tait"), _before_adoption()),
        _family("kerr", ("Gillian", "Kerr"), _identity()),
        _family("malik", ("Samina", "Malik"), _refuge()),
        _family("melnyk", ("Oksana", "Melnyk"), _at_risk()),
        _family("geddes", ("Shona", "Geddes"), _one_agency()),
        _family("brodie", ("Tanya", "Brodie"), _order()),
        _family("laidlaw", ("Kerry", "Laidlaw"), _sensitive()),
        _family("rowan", ("Nicola", "Rowan"), _same_birthday()),
        _family("wilson-a", ("Claire", "Wilson"), _namesake("a", "9 Shore Street", "Port Ellan", "NS7 2DL")),
        _family("wilson-b", ("Lauren", "Wilson"), _namesake("b", "31 Peat Inn Road", "Balmore Cross", "NS9 6TW")),
        _family("baird", ("Moira", "Baird"), _kept_by_police()),
        _family("macleod-ross", ("Karen", "MacLeod"), _hyphen()),
        _family("nowak", ("Agnieszka", "Nowak"), _newborn()),
    )


def histories() -> Histories:
    """What happened to the named children, and who works with each of them as with any child."""
    children = [child for family in families() for child in family.children if child.id != "jo"]
    return joined((jo_ash(), robin_ash(), histories_of_others(), *(_everyday(child) for child in children), chronicles()))


def _everyday(child: Child) -> Histories:
    if not child.hillview:
        visitor = _worker(child, "northshire-nhs", "health-visiting", "Health visitor", "Hamida Yusuf", "01632 960222")
        return Histories() if child.id == "erin-before" else Histories(involved=(visitor,))
    named_person = _worker(child, "hillview-school", "pupil-support", "Named person", "Morag Baillie", "01632 960210")
    nurse = _worker(child, "northshire-nhs", "school-nursing", "School nurse", "Priya Nair", "01632 960221")
    october = Absences(child=child.id, month=date(2026, 10, 1), possible=34, attended=33, authorised=1, unauthorised=0, late=1)
    return Histories(involved=(named_person, nurse), absences=(october,))


def _worker(child: Child, agency: str, service: str, role: str, worker: str, phone: str) -> Involved:
    since = max(child.birth_date, date(2025, 8, 18))
    team = f"{child.home.town} team"
    return Involved(child=child.id, agency=agency, service=service, team=team, role=role, worker=worker, phone=phone, since=since)


def _family(id: str, adult: tuple[str, str], *children: Child) -> Family:
    phone = f"01632 960{100 + sum(map(ord, id)) % 800}"
    carer = Adult(given_name=adult[0], family_name=adult[1], relation="mother", phone=phone)
    return Family(id=id, adults=(carer,), children=children)


def _child(
    id: str, name: tuple[str, str], born: date, sex: Sex, home: tuple[str, str, str], serial: int, *, nth: int = 0,
    known_as: str | None = None, former: str | None = None, nhs: int | None = None, upn: int | None = None, pupil: bool = True,
    shield: Shield | None = None, at: tuple[str, ...] = (), cleared: tuple[str, ...] = (), middle: str | None = None,
) -> Child:  # fmt: skip
    """A named child; ``nth`` picks among the CHIs of one day and sex."""
    line, town, postcode = home
    return Child(
        id=id, given_name=name[0], family_name=name[1], birth_date=born, sex=sex, home=Home(line=line, town=town, postcode=postcode),
        chi=next(islice(numbers.chis(born, sex), 40 + nth, None)), known_as=known_as, former_family_name=former, middle_names=middle,
        nhs_number=numbers.nhs_number(nhs) if nhs is not None else None, upn=numbers.upn(upn) if upn is not None else None,
        scn=numbers.scn(serial) if pupil else None, hillview=pupil, shield=shield, shield_at=at, cleared=cleared,
    )  # fmt: skip


_ASH_HOME = ("14 Kelpie Court", "Dunmorrin", "NS4 2QX")
_MUNRO_HOME = ("5 Lochside", "Kirkbrae", "NS2 7HB")
_BOTH = ("northshire-social-work", "northshire-nhs")


def _jo() -> Child:
    return _child("jo", ("Jo", "Ash"), date(2014, 2, 3), "F", _ASH_HOME, 501, middle="Hope")


def _robin() -> Child:
    return _child("robin", ("Robin", "Ash"), date(2017, 9, 14), "M", _ASH_HOME, 502)


def _twins() -> tuple[Child, Child]:
    born = date(2015, 6, 11)
    return (
        _child("isla", ("Isla", "Munro"), born, "F", _MUNRO_HOME, 503, middle="Rose"),
        _child("ailsa", ("Ailsa", "Munro"), born, "F", _MUNRO_HOME, 504, nth=1, middle="Jean"),
    )


def _moved_here() -> Child:
    home = ("2 Skerry View", "Inverlochan", "NS1 3PT")
    return _child("leon", ("Leon", "Carter"), date(2012, 5, 20), "M", home, 505, nhs=412_000, upn=318)


def _renamed() -> Child:
    return _child("ruby", ("Ruby", "Sinclair"), date(2013, 10, 30), "F", ("40 Mill Lade", "Dunmorrin", "NS4 5WB"), 506, former="Doig")


def _adopted() -> Child:
    return _child("erin", ("Erin", "Lockhart"), date(2018, 3, 12), "F", ("17 Braehead", "Kirkbrae", "NS2 4GL"), 507)


def _before_adoption() -> Child:
    home = ("63 Quarry Road", "Port Ellan", "NS7 8RN")
    return _child(
        "erin-before", ("Erin", "Tait"), date(2018, 3, 12), "F", home, 0, nth=1, pupil=False, shield="IDENTITY", at=_BOTH
    )  # fmt: skip


def _identity() -> Child:
    home = ("8 Whin Park", "Inverlochan", "NS1 6DE")
    return _child(
        "morven", ("Morven", "Kerr"), date(2016, 8, 21), "F", home, 508, shield="IDENTITY", at=_BOTH[:1], cleared=(SOCIAL_WORKER,)
    )  # fmt: skip


def _refuge() -> Child:
    home = ("Haven House, 1 Bothy Lane", "Balmore Cross", "NS9 1ZQ")
    cleared = (SOCIAL_WORKER, HEALTH_VISITOR)
    return _child("zara", ("Zara", "Malik"), date(2015, 12, 5), "F", home, 509, shield="LOCATION", at=_BOTH[:1], cleared=cleared)


def _at_risk() -> Child:
    home = ("22 Tollhouse Road", "Inverlochan", "NS1 9XA")
    return _child("danylo", ("Danylo", "Melnyk"), date(2012, 9, 1), "M", home, 510, shield="LOCATION", at=_BOTH[1:])


def _one_agency() -> Child:
    return _child("poppy", ("Poppy", "Geddes"), date(2024, 5, 9), "F", ("6 Selkie Brae", "Port Ellan", "NS7 3QS"), 0, pupil=False)


def _order() -> Child:
    return _child("kai", ("Kai", "Brodie"), date(2011, 7, 17), "M", ("11 Gorse Avenue", "Dunmorrin", "NS4 8UP"), 511)


def _sensitive() -> Child:
    return _child("aaron", ("Aaron", "Laidlaw"), date(2010, 4, 25), "M", ("27 Curlew Crescent", "Kirkbrae", "NS2 1SJ"), 512)


def _same_birthday() -> Child:
    return _child("sam", ("Sam", "Rowan"), date(2014, 2, 3), "M", ("3 Lapwing Drive", "Dunmorrin", "NS4 2QY"), 513)


def _namesake(letter: str, line: str, town: str, postcode: str) -> Child:
    nth = 0 if letter == "a" else 1
    return _child(f"jack-{letter}", ("Jack", "Wilson"), date(2016, 1, 19), "M", (line, town, postcode), 514 + nth, nth=nth)


def _kept_by_police() -> Child:
    return _child("kyle", ("Kyle", "Baird"), date(2012, 11, 2), "M", ("52 Station Wynd", "Port Ellan", "NS7 5YF"), 516)


def _hyphen() -> Child:
    return _child("ella", ("Ella", "MacLeod-Ross"), date(2013, 4, 8), "F", ("19 Heather Bank", "Kirkbrae", "NS2 8TN"), 517)


def _newborn() -> Child:
    return _child("baby", ("Baby", "Nowak"), date(2026, 11, 10), "F", ("70 Harbour Row", "Port Ellan", "NS7 1WD"), 0, pupil=False)

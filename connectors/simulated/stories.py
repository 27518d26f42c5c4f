"""What happened to the named children of Northshire, as each agency wrote it down.

Jo Ash's story runs through six agencies. Some of her records must never leave: one is past the day it should have been
destroyed, one was entered in error, one police record is intelligence, and one text nobody read for other people's data.
"""

from __future__ import annotations

from datetime import date

from connectors.simulated.happenings import Absences, Concern, HealthVisit, Histories, Involved, Planned, PoliceReport, Step, Warned, joined

NHS, SCHOOL, SOCIAL, POLICE, FIRE, CHARITY = (
    "northshire-nhs", "hillview-school", "northshire-social-work", "northshire-police", "northshire-fire", "bairns-first",
)  # fmt: skip


def jo_ash() -> Histories:
    """Jo, twelve: attendance falls, appointments are missed, police come to the house, a plan begins."""
    return Histories(
        involved=_jo_people(), concerns=(*_jo_at_school(), *_jo_elsewhere(), *_jo_and_police()), visits=_jo_health(),
        absences=_jo_attendance(),
        plans=(_jo_plan(),), reports=_jo_reports(), warnings=_jo_flags(),
    )  # fmt: skip


def _jo_people() -> tuple[Involved, ...]:
    rows = (
        (SCHOOL, "pupil-support", "Hillview pupil support", "Named person", "Morag Baillie", "01632 960210", date(2025, 8, 18), None),
        (NHS, "school-nursing", "Dunmorrin school nursing", "School nurse", "Priya Nair", "01632 960221", date(2019, 8, 12), None),
        (NHS, "health-visiting", "Dunmorrin health visitors", "Health visitor", "Hamida Yusuf", "01632 960222", date(2014, 2, 14),
        date(2019, 6, 28)),
        (SOCIAL, "children-and-families", "Dunmorrin children's team", "Social worker", "Ewan Drummond", "01632 960231",
        date(2026, 9, 25), None),
        (FIRE, "home-safety", "Dunmorrin community fire station", "Community firefighter", "Ross Leask", "01632 960241",
        date(2026, 10, 21), None),
        (CHARITY, "young-carers", "Dunmorrin young carers", "Group worker", "Tobi Okafor", "01632 960251", date(2026, 10, 12), None),
    )  # fmt: skip
    return tuple(
        Involved(child="jo", agency=agency, service=service, team=team, role=role, worker=worker, phone=phone, since=since, until=until)
        for agency, service, team, role, worker, phone, since, until in rows
    )


def _jo_at_school() -> tuple[Concern, ...]:
    return (
        Concern(
            child="jo", agency=SCHOOL, on=date(2026, 9, 18), category="PS-CARER", indicators=("Healthy", "Achieving", "Responsible"),
            seen="Fell asleep twice in maths. Says she gets Robin up and to breakfast club before she comes in.",
            strengths="Kind to younger pupils; still comes to choir.", child_says="I am fine, I just need Mum to sleep.",
            action="Named person spoke to Jo and to Ms Ash; asked the school nurse to see her.", urgent="next-day",
        ),
        Concern(
            child="jo", agency=SCHOOL, on=date(2026, 11, 4), category="PS-PEERS", indicators=("Included", "Safe"), urgent="next-day",
            seen="Withdrawn since the holiday. Neighbour Wilma Tulloch told the office what she heard through the wall.",
            action="Kept for the named person.", checked=False, told="not-yet",
        ),
        Concern(
            child="jo", agency=SCHOOL, on=date(2018, 11, 9), category="PS-PRESENT", indicators=("Nurtured",),
            seen="No coat for a week in nursery.",
            action="Coat found by the office.", keep_until=date(2024, 6, 30),
        ),
    )  # fmt: skip


def _jo_elsewhere() -> tuple[Concern, ...]:
    return (
        Concern(
            child="jo", agency=SOCIAL, on=date(2026, 9, 25), category="CF-07", indicators=("Safe", "Healthy", "Nurtured"),
            by="social-worker",
            seen="Police and school both reported in one week; two health appointments missed this year.", opinion=True,
            strengths="Jo and her mother are close and ask for help with mornings.", action="Initial meeting held, plan agreed.",
        ),
        Concern(
            child="jo", agency=SOCIAL, on=date(2026, 9, 26), category="CF-02", indicators=("Safe",),
            seen="Meant for another family's file.",
            by="social-worker", void=True,
        ),
        Concern(
            child="jo", agency=FIRE, on=date(2026, 10, 21), category="HFSV-3", indicators=("Safe", "Responsible"), by="firefighter",
            seen="No working smoke alarm; two fitted. Jo showed the crew how she cooks tea for her brother.",
            action="Two alarms fitted, return in May.",
        ),
        Concern(
            child="jo", agency=CHARITY, on=date(2026, 11, 2), category="YC-LOAD", indicators=("Responsible", "Included"), by="group-worker",
            seen="Third evening at the group. Cooks and shops for the family most days.", strengths="Laughed a lot; has made a friend.",
            child_says="It is good to be somewhere I do not have to do anything.", action="Place kept on Thursdays.",
        ),
    )  # fmt: skip


def _jo_and_police() -> tuple[Concern, ...]:
    return (
        Concern(
            child="jo", agency=POLICE, on=date(2026, 9, 19), category="DA", indicators=("Safe", "Nurtured"), by="police-officer",
            urgent="immediate",
            seen="Argument between adults at the home on Saturday night. Both children in the next room, unhurt; Jo had phoned.",
            action="One adult left. Concern report sent.",
        ),
        Concern(
            child="jo", agency=POLICE, on=date(2026, 6, 14), category="DA", indicators=("Safe",), by="police-officer", handling="condition",
            seen="Shouting reported at the home; nobody hurt; children asleep.", action="Advice given.", urgent="next-day",
        ),
        Concern(
            child="jo", agency=POLICE, on=date(2026, 8, 30), category="INT", indicators=("Safe",), by="police-officer", handling="keep",
            seen="Intelligence about an adult who visits the home.",
        ),
    )  # fmt: skip


def _jo_health() -> tuple[HealthVisit, ...]:
    rows = (
        (date(2026, 1, 14), "AMB", "Dental clinic", "was-not-brought", False),
        (date(2026, 3, 11), "AMB", "Community paediatric clinic", "was-not-brought", False),
        (date(2026, 5, 20), "AMB", "School nurse review", "attended", False),
        (date(2026, 6, 1), "AMB", "Audiology clinic", "attended", True),
        (date(2026, 9, 2), "EMER", "Emergency department, asthma", "attended", False),
        (date(2026, 10, 7), "AMB", "Asthma clinic", "was-not-brought", False),
    )
    return tuple(HealthVisit(child="jo", on=on, setting=setting, kind=kind, came=came, void=void) for on, setting, kind, came, void in rows)


def _jo_attendance() -> tuple[Absences, ...]:
    rows = ((8, 20, 19, 1, 0, 1), (9, 42, 35, 3, 4, 4), (10, 34, 25, 2, 7, 3), (11, 28, 18, 2, 8, 3))
    return tuple(
        Absences(
            child="jo", month=date(2026, month, 1), possible=possible, attended=attended, authorised=allowed, unauthorised=other, late=late
        )
        for month, possible, attended, allowed, other, late in rows
    )


def _jo_plan() -> Planned:
    return Planned(
        child="jo", opened=date(2026, 10, 6), review=date(2027, 1, 15), lead="Ewan Drummond",
        reason="Jo carries too much at home and misses school and health appointments.",
        needs="A parent who is safe and rested; mornings shared; her asthma seen to.",
        outcome="Jo is in school, at her appointments and free to be twelve.", child_says="I want someone else to do Robin's mornings.",
        parents_say="Ms Ash agrees and asks for help in writing, not by phone.",
        steps=(
            Step(what="Morning support worker four days a week", who=SOCIAL, by=date(2026, 10, 20), state="done"),
            Step(what="New asthma clinic date, Jo to be brought by the support worker", who=NHS, by=date(2026, 12, 4), state="open"),
            Step(what="Check in with Jo every morning in the support base", who=SCHOOL, by=date(2026, 11, 13), state="late"),
            Step(what="Thursday young carers' group", who=CHARITY, by=date(2026, 10, 29), state="done"),
        ),
    )  # fmt: skip


def _jo_reports() -> tuple[PoliceReport, ...]:
    return (
        PoliceReport(child="jo", on=date(2026, 9, 19), category="DA", presence="present", text="Attended 23:40, two officers."),
        PoliceReport(child="jo", on=date(2026, 6, 14), category="DA", presence="affected", text="Attended 22:05.", handling="condition"),
        PoliceReport(child="jo", on=date(2026, 8, 30), category="INT", presence="affected", text="Not for sharing.", handling="keep"),
        PoliceReport(child="jo", on=date(2015, 3, 2), category="DA", presence="present", text="Old.", keep_until=date(2021, 3, 2)),
    )


def _jo_flags() -> tuple[Warned, ...]:
    return (
        Warned(
            child="jo", agency=SOCIAL, category="CT-NH", since=date(2026, 9, 23), until=date(2027, 9, 22), order="Non-harassment order",
            words="An adult may not come to the home or the school. If he does, ring 999.", authority="Northshire Sheriff Court",
            phone="01632 960300",
        ),
        Warned(
            child="jo", agency=NHS, category="WNB", since=date(2026, 10, 7),
            words="Three appointments missed this year: ring the school nurse.",
            authority="NHS Northshire", phone="01632 960220",
        ),
    )  # fmt: skip


def robin_ash() -> Histories:
    """Robin, nine, Jo's brother: the same night, the same house, fewer records."""
    return Histories(
        involved=(
            Involved(child="robin", agency=SOCIAL, service="children-and-families", team="Dunmorrin children's team", role="Social worker",
                     worker="Ewan Drummond", phone="01632 960231", since=date(2026, 9, 25)),
        ),
        concerns=(
            Concern(child="robin", agency=POLICE, on=date(2026, 9, 19), category="DA", indicators=("Safe", "Nurtured"), by="police-officer",
                    seen="Argument between adults at the home. Asleep when officers came.", action="Concern report sent.",
                    urgent="immediate"),
        ),
        reports=(PoliceReport(child="robin", on=date(2026, 9, 19), category="DA", presence="present",
        text="Attended 23:40, two officers."),),
        absences=(Absences(child="robin", month=date(2026, 11, 1), possible=28, attended=26, authorised=2, unauthorised=0, late=5),),
    )  # fmt: skip


def histories_of_others() -> Histories:
    """The other named children, by what makes each of them a hard case."""
    return joined((_shielded(), _kept_back(), _twins_and_namesakes(), _moved_and_renamed()))


def _social(child: str, since: date, until: date | None = None) -> Involved:
    return Involved(
        child=child, agency=SOCIAL, service="children-and-families", team="Kirkbrae children's team", role="Social worker",
        worker="Ewan Drummond",
        phone="01632 960231", since=since, until=until,
    )  # fmt: skip


def _note(child: str, agency: str, on: date, category: str, seen: str, by: str, handling: str = "share") -> Concern:
    return Concern(child=child, agency=agency, on=on, category=category, seen=seen, indicators=("Safe",), by=by, handling=handling)


def _shielded() -> Histories:
    return Histories(
        involved=(
            _social("erin", date(2020, 2, 3), date(2021, 5, 28)), _social("erin-before", date(2018, 3, 20), date(2021, 5, 28)),
            _social("morven", date(2024, 4, 8)), _social("zara", date(2026, 7, 2)),
            Involved(child="zara", agency=CHARITY, service="family-support", team="Balmore Cross families", role="Group worker",
                     worker="Tobi Okafor", phone="01632 960251", since=date(2026, 7, 9)),
        ),
        concerns=(
            _note("morven", POLICE, date(2025, 2, 11), "NOC", "Taken home from the harbour.", "police-officer"),
            _note("morven", SCHOOL, date(2026, 9, 8), "PS-PEERS", "Asked not to be in the class photo.", "teacher"),
            _note("zara", SCHOOL, date(2026, 10, 1), "PS-TIRED", "New to the class, settling well.", "teacher"),
            _note("zara", POLICE, date(2026, 6, 30), "DA", "Left the family home with her mother.", "police-officer"),
            _note("danylo", SCHOOL, date(2026, 9, 30), "PS-PEERS", "Worried about being photographed.", "teacher"),
        ),
        warnings=(
            Warned(child="kai", agency=SOCIAL, category="CH-ND", since=date(2026, 3, 16),
            order="Compulsory supervision order, non-disclosure measure",
                   words="Where Kai lives must not be told to anybody outside this list.", authority="Children's Reporter, Northshire",
                   phone="01632 960310", forbids_place=True),
        ),
    )  # fmt: skip


def _kept_back() -> Histories:
    return Histories(
        involved=(
            _social("kai", date(2026, 3, 16)),
            Involved(child="aaron", agency=NHS, service="camhs", team="Kirkbrae CAMHS", role="Mental health nurse", worker="Niamh Weir",
                     phone="01632 960225", since=date(2026, 2, 9), sensitive="camhs"),
            Involved(child="aaron", agency=CHARITY, service="substance-use", team="Straight Talk", role="Group worker", worker="Leo Gunn",
                     phone="01632 960252", since=date(2026, 5, 4), sensitive="substance-use"),
        ),
        visits=(
            HealthVisit(child="aaron", on=date(2026, 10, 20), setting="AMB", kind="CAMHS clinic", came="attended", sensitive="camhs"),
            HealthVisit(child="aaron", on=date(2026, 4, 2), setting="AMB", kind="Dental clinic", came="attended"),
            HealthVisit(child="poppy", on=date(2026, 6, 9), setting="AMB", kind="Health visitor review", came="attended"),
        ),
        concerns=(_note("kyle", POLICE, date(2026, 8, 2), "INT", "Intelligence only.", "police-officer", handling="keep"),),
        reports=(PoliceReport(child="kyle", on=date(2026, 8, 2), category="INT", presence="affected", text="Not for sharing.",
        handling="keep"),),
    )  # fmt: skip


def _twins_and_namesakes() -> Histories:
    return Histories(
        concerns=(
            _note("isla", SCHOOL, date(2026, 10, 13), "PS-HUNGRY", "Asked for a second breakfast all week.", "teacher"),
            _note("ailsa", POLICE, date(2026, 5, 23), "NOC", "Lost at the gala, found within the hour.", "police-officer"),
            _note("isla", FIRE, date(2026, 2, 2), "HFSV-8", "Exit cleared.", "firefighter"),
            _note("ailsa", FIRE, date(2026, 2, 2), "HFSV-8", "Exit cleared.", "firefighter"),
            _note("jack-a", POLICE, date(2026, 4, 18), "NOC", "Taken home by bus.", "police-officer"),
            _note("jack-b", POLICE, date(2026, 7, 25), "NEG", "House cold.", "police-officer"),
            _note("sam", POLICE, date(2026, 5, 5), "NOC", "Bike stolen; gave a statement with a parent.", "police-officer"),
        ),
        visits=(HealthVisit(child="ailsa", on=date(2026, 9, 16), setting="AMB", kind="Audiology clinic", came="was-not-brought"),),
    )


def _moved_and_renamed() -> Histories:
    return Histories(
        involved=(_social("leon", date(2026, 1, 19)), _social("ruby", date(2025, 3, 10), date(2025, 9, 1))),
        concerns=(
            _note("ruby", POLICE, date(2023, 5, 6), "DA", "Recorded under the earlier name.", "police-officer"),
            _note("ruby", CHARITY, date(2026, 6, 18), "YC-GOOD", "Made a banner for the gala.", "group-worker"),
            _note("ella", POLICE, date(2026, 3, 3), "NOC", "Walked home by officers.", "police-officer"),
            _note("ella", FIRE, date(2026, 3, 12), "HFSV-5", "Advice given about cooking.", "firefighter"),
        ),
    )

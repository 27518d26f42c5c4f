"""What the named children of Northshire lived through, are related by and said: what came with version 1.1 of the data standard.

It tells the stories of ``stories.py`` again, as a chronology, a family and a child tell them. Every child here is known already to the
agency that writes: nobody becomes known to anybody by it.
"""

from __future__ import annotations

from datetime import date

import msgspec

from connectors.simulated.happenings import Histories, Kin, Milestone, Saying, SentHome

SCHOOL, SOCIAL = "hillview-school", "northshire-social-work"


def chronicles() -> Histories:
    """The chronology, exclusions, family and words of every named child."""
    return Histories(
        milestones=(*_jos_chronology(), *_chronologies()),
        exclusions=(_jos_day_away(), *_days_away()),
        kin=(*_ash_family(), *_families()),
        sayings=(*_ash_words(), *_words()),
    )


def _jos_chronology() -> tuple[Milestone, ...]:
    return (
        Milestone(
            child="jo", on="2019-06", category="family", text="Parents separated. Jo, five, and her brother stayed with their mother.",
            meaning="Ms Ash has looked after both children alone since.", impact="unclear", adults=("mother", "father"),
        ),
        Milestone(
            child="jo", on="2026-03-11", category="health", text="Not brought to the paediatric clinic, the second missed in 2026.",
            meaning="Her asthma goes unchecked. Nobody asked Ms Ash what kept her from coming.", impact="worse",
            action="The clinic wrote once. Nothing else was done.", indicators=("Healthy",),
        ),
        Milestone(
            child="jo", on="2026-06-14", category="home-violence", text="Police told this service of shouting at the home at night.",
            meaning="Jo was in bed and heard it.", impact="worse", restricted=True, adults=("mother", "partner"), indicators=("Safe",),
        ),
        Milestone(
            child="jo", on="2026-09-18", category="school", text="Fell asleep twice in maths. Gets her brother up and to school.",
            meaning="Does a parent's mornings before her own day begins.", impact="worse",
            action="The named person spoke to Jo and her mother.", indicators=("Achieving", "Responsible"),
        ),
        Milestone(
            child="jo", on="2026-09-19", category="home-violence", text="Argument between adults at home at night. Jo rang the police.",
            meaning="She kept her brother safe and should not have had to.", impact="worse", action="Social worker allocated on the 25th.",
            child_says="I rang because Robin was scared.", adults=("mother", "partner"), indicators=("Safe",),
        ),
        Milestone(
            child="jo", on="2026-09-23", until="2027-09-22", category="legal", adults=("partner",), impact="better", indicators=("Safe",),
            text="The sheriff court ordered an adult to keep away from the home and the school.",
            meaning="Nights are quiet. Jo still listens for the door.",
        ),
        Milestone(
            child="jo", on="2026-09-26", category="money", text="Meant for another family's file.", meaning="Not about Jo.",
            impact="neither", void=True,
        ),
        Milestone(
            child="jo", on="2026-10-06", category="meeting", text="First meeting with Jo, Ms Ash, school and health. A plan was agreed.",
            meaning="For the first time one person draws it together.", impact="better", action="Morning support from the 20th.",
        ),
        Milestone(
            child="jo", on="2026-10-12", category="support", text="Began at the young carers' group and has not missed a Thursday.",
            meaning="One evening a week she is twelve, and she has made a friend.", impact="better", indicators=("Included", "Active"),
        ),
        Milestone(
            child="jo", on="2026-11-10", category="school", text="Kept away from school for a day after walking out of maths.",
            meaning="Her mother had not answered the phone since break, and nobody at school knew of it.", impact="both",
            action="School and social work agreed that she may ring home at lunch.", indicators=("Achieving", "Respected"),
        ),
        Milestone(
            child="jo", on="2026-11-12", category="not-seen", text="Neighbour Wilma Tulloch rang the duty team about noise late at night.",
            meaning="Not read for other people's details yet.", impact="unclear", checked=False,
        ),
    )  # fmt: skip


def _jos_day_away() -> SentHome:
    return SentHome(
        child="jo", start=date(2026, 11, 10), end=date(2026, 11, 10), kind="temporary", reasons=("disobedience", "staff-abuse"),
        text="Would not put her phone away in maths, swore when asked again and walked out.", openings=2, back="support",
        meeting=date(2026, 11, 11), child_says="I needed to know that Mum was all right.",
        parents_say="Ms Ash says that she was asleep, and that Jo worries for both of them.",
    )  # fmt: skip


def _ash_family() -> tuple[Kin, ...]:
    father = Kin(
        child="jo", relation="father", name="Dean Ash", lives_with="no", responsibility="yes", rests_on="certificate",
        seen=date(2026, 9, 28), until="2019-06",
    )  # fmt: skip
    partner = Kin(child="jo", relation="partner", name="Gary Lyle", lives_with="no", responsibility="no", since="2023", until="2026-09-19")
    nan = Kin(child="jo", relation="grandparent", name="Jean Pirie", lives_with="no", responsibility="no", looks_after=True)
    return (father, partner, nan, *(msgspec.structs.replace(each, child="robin") for each in (father, partner, nan)))


def _ash_words() -> tuple[Saying, ...]:
    return (
        Saying(
            child="jo", agency=SOCIAL, on=date(2026, 10, 1), topic="seeing-people", means="spoken", setting="outdoors", by="Social worker",
            words="I do not want him back. I sleep when he is not there.", feels="Tired. Better on Thursdays.",
            wants="Somebody who looks in on Mum while I am at school.", not_to_tell=("mother",), indicators=("Safe", "Respected"),
            action="Written into the plan as Jo put it.",
        ),
        Saying(
            child="jo", agency=SCHOOL, on=date(2026, 10, 28), topic="hopes", means="spoken", setting="school",
            place="Music room, Hillview School", words="Choir is the one hour when nobody needs me.",
            wants="To sing at the winter concert.", indicators=("Active", "Included"), action="Given a solo.",
        ),
        Saying(
            child="jo", agency=SCHOOL, on=date(2026, 11, 11), topic="caring", means="spoken", setting="school", others=("mother",),
            alone=False, words="I had my phone out because Mum had not answered since break. Nobody asked me that.",
            wants="Let me ring home at lunch.", feels="Angry first, and then stupid.", indicators=("Respected", "Responsible"),
            action="She may ring home at lunch from the support base.", by="Named person",
        ),
        Saying(
            child="robin", agency=SCHOOL, on=date(2026, 9, 30), topic="safety", means="drawn", setting="school", by="Class teacher",
            words="A house with a big lock on it. 'The lock is so that Jo can sleep.'", indicators=("Safe",), agreed=False,
        ),
        Saying(
            child="robin", agency=SOCIAL, on=date(2026, 10, 1), topic="home", means="play", setting="home", by="Social worker",
            words="The small figure hides and the big girl stands at the door.", others=("mother",), alone=False, agreed=False,
            checked=False, indicators=("Safe", "Nurtured"),
        ),
    )  # fmt: skip


def _met(child: str, on: str, category: str, text: str, meaning: str, impact: str, action: str | None = None) -> Milestone:
    return Milestone(child=child, on=on, category=category, text=text, meaning=meaning, impact=impact, action=action)


def _chronologies() -> tuple[Milestone, ...]:
    return (
        _met("robin", "2026-09-19", "home-violence", "Asleep when officers came to the home.", "Woke to find his sister on the phone.",
             "worse", "Told at school the same week."),
        _met("robin", "2026-10-20", "support", "A support worker brings him to school four days a week.", "He comes in smiling.", "better"),
        _met("leon", "2026-01", "home", "Came from England with his mother.", "Left his football club and his grandfather.", "both"),
        _met("leon", "2026-08-19", "achievement", "Picked for the under-15s.", "Has friends here now.", "better"),
        _met("ruby", "2024", "family", "Her mother married, and Ruby took the new family name.", "She asked for it herself.", "better"),
        _met("ruby", "2025-09-01", "service", "Case closed: the family no longer need a social worker.", "Mornings are settled.", "better"),
        _met("zara", "2026-06-30", "home", "Left the family home at night with her mother.", "Safe, and far from her friends.", "both",
             "Place kept from everybody who need not know it."),
        _met("zara", "2026-07-09", "support", "A group worker began to see the family.", "Plays again.", "better"),
        _met("kai", "2026-03-16", "legal", "A hearing made an order about where he lives.", "He was asked and agreed.", "better"),
        _met("kai", "2026-06", "missing", "Away for two nights.", "Came back by himself and was not asked why.", "worse",
             "A talk was offered a month later; he said no."),
        _met("morven", "2024-04-08", "service", "A social worker began to work with the family.", "One person to ring.", "better"),
        _met("erin-before", "2018-03-20", "care", "Placed with a foster carer.", "Fed and warm.", "better"),
    )  # fmt: skip


def _away(child: str, start: date, end: date, reasons: tuple[str, ...], text: str, openings: int, back: str) -> SentHome:
    return SentHome(child=child, start=start, end=end, kind="temporary", reasons=reasons, text=text, openings=openings, back=back)


def _days_away() -> tuple[SentHome, ...]:
    return (
        _away("leon", date(2026, 5, 12), date(2026, 5, 13), ("fight",), "Fought at lunch after weeks of name-calling.", 4, "support"),
        _away("kai", date(2026, 6, 9), date(2026, 6, 11), ("staff-abuse", "disruption"), "Shouted at two teachers.", 6, "part-time"),
        _away("kyle", date(2026, 2, 10), date(2026, 2, 12), ("damage",), "Broke a window of the bike shed.", 6, "back"),
        SentHome(
            child="aaron", start=date(2026, 11, 17), end=date(2026, 11, 24), kind="temporary", reasons=("substances",), openings=12,
            text="Cannabis found in his bag at the gate.", back="not-yet", meeting=date(2026, 11, 24), appeal="open", heard=False,
            parents_say="His mother says that nobody asked him.", checked=False,
        ),
    )  # fmt: skip


def _families() -> tuple[Kin, ...]:
    return (
        Kin(child="leon", relation="grandparent", name="Roy Carter", lives_with="no", responsibility="no", until="2026-01"),
        Kin(child="ruby", relation="step-parent", name="Neil Sinclair", lives_with="yes", responsibility="no", since="2024"),
        Kin(child="erin", relation="mother", name="Heather Lockhart", lives_with="yes", responsibility="yes", rests_on="adoption",
            seen=date(2021, 6, 2), looks_after=True, since="2021-05"),
        Kin(child="erin-before", relation="mother", name="Donna Tait", lives_with="no", responsibility="no", until="2018-03-20"),
        Kin(child="zara", relation="father", name="Kamran Malik", lives_with="no", responsibility="yes", rests_on="marriage",
            seen=date(2026, 7, 6), until="2026-06-30"),
        Kin(child="kai", relation="mother", name="Tanya Brodie", lives_with="no", responsibility="part", rests_on="order",
            seen=date(2026, 3, 16), until="2026-03-16"),
        Kin(child="kai", relation="foster-carer", name="Elspeth Muir", lives_with="yes", responsibility="no", looks_after=True,
            since="2026-03-16"),
    )  # fmt: skip


def _words() -> tuple[Saying, ...]:
    return (
        Saying(child="leon", agency=SCHOOL, on=date(2026, 5, 15), topic="friends", means="spoken", setting="school",
               words="They do the accent until I hit somebody, and then it is me who is sent home.", wants="Move me out of that class.",
               indicators=("Included", "Respected"), action="Moved to another class in June."),
        Saying(child="zara", agency=SCHOOL, on=date(2026, 10, 15), topic="safety", means="written", setting="school",
               place="Library, Hillview School", words="I sleep all night now. Please do not put my picture on the wall.",
               not_to_tell=("father",), indicators=("Safe",), action="No pictures of her are taken.", by="Class teacher"),
        Saying(child="kai", agency=SOCIAL, on=date(2026, 8, 4), topic="plans", means="spoken", setting="outdoors", by="Social worker",
               words="You all write that I am settled. I am waiting.", wants="Tell me when I can see my mum, with a day.",
               indicators=("Respected",), action="A day was named."),
        Saying(child="morven", agency=SCHOOL, on=date(2026, 9, 9), topic="identity", means="written", setting="school",
               words="I do not want to be in the photo. You do not have to know why.", indicators=("Respected",), agreed=False),
        Saying(child="sam", agency=SCHOOL, on=date(2026, 5, 7), topic="other", means="form", setting="writing",
               words="My bike was the best thing I had.", indicators=("Active",)),
        Saying(child="isla", agency=SCHOOL, on=date(2026, 10, 16), topic="home", means="spoken", setting="school", by="Class teacher",
               words="We have toast when Mum is paid. Ailsa gives me hers.", indicators=("Nurtured",), checked=False),
    )  # fmt: skip

"""The vocabulary of an invented council area: names, streets, and the sentences professionals write."""

from __future__ import annotations


def _listed(text: str, mark: str | None = None) -> tuple[str, ...]:
    return tuple(text.split(mark))


GIRLS = _listed(
    "Olivia Emily Isla Freya Ava Amelia Ella Lily Sophie Grace Millie Eilidh Orla Niamh Skye Iona Rosie Una Maya Aisha Zofia Hanna Amara "
    "Catriona Mairi Kirsty Beth Erin Lucy Anna Ellie Holly Poppy Ivy Evie Daisy Fatima Oksana Siobhan Mirren"
)
BOYS = _listed(
    "Jack Noah Harris Oliver Rory Lewis Logan Finlay James Alexander Leo Luca Brodie Jude Callum Ruaridh Hamish Mohammed Kacper "
    "Angus Struan Murray Blair Ewan Fraser Adam Max Theo Nathan Aiden Cameron Archie Innes Magnus Sandy Yusuf Danylo Tobi Ollie "
    "Craig"
)
MIDDLE = _listed("Anne Mary Jane Louise Rose Margaret John David Robert James Ian Alasdair Jean Hope Kwame Maria")
WOMEN = _listed("Karen Nicola Lauren Fiona Claire Agnieszka Samina Gillian Donna Lynsey Michelle Heather Kerry Ngozi Shona Moira Tanya")
MEN = _listed("Stuart Craig Gary David Paul Scott Imran Piotr Kenneth Ross Alan Darren Iain Emeka Graeme Barry")
SURNAMES = _listed(
    "Anderson Baird Black Boyd Brown Bruce Burns Cairns Campbell Christie Clark Craig Cunningham Currie Dickson Docherty Drummond "
    "Duncan Ferguson Findlay Forbes Forsyth Gallacher Gibson Gordon Graham Grant Gunn Hay Henderson Hunter Hussain Innes Irvine "
    "Jamieson Johnstone Kaminski Kelly Kennedy Khan Laing Lamont Leask Leslie Logan MacAulay MacDonald MacInnes MacKay MacLeod "
    "Malcolm McBride McCabe McCulloch McKenzie Millar Mitchell Morrison Muir Murdoch Napier Nicolson Nowak Ogilvie Okafor Paterson "
    "Petrie Pirie Quinn Rae Ramsay Rennie Robertson Rose Ross Russell Shaw Sim Skinner Smith Spence Stewart Strachan Sutherland "
    "Thomson Tulloch Urquhart Wallace Walker Watt Weir Wilson Wood Young"
)
STREETS = _listed(
    "Kelpie Court;Harbour Row;Selkie Brae;Mill Lade;Station Wynd;Gorse Avenue;Heather Bank;Lapwing Drive;Quarry Road;Kirkgate;Shore Street;"
    "Rowan Terrace;Bothy Lane;Skerry View;Whin Park;Curlew Crescent;Tollhouse Road;Braehead;Peat Inn Road;Lochside",
    ";",
)
TOWNS = {"Dunmorrin": "NS4", "Port Ellan": "NS7", "Kirkbrae": "NS2", "Inverlochan": "NS1", "Balmore Cross": "NS9"}

NICKNAMES = {
    "Catriona": "Trina", "Alexander": "Sandy", "Oliver": "Ollie", "Eilidh": "Ellie", "Mohammed": "Mo", "Sophie": "Soph", "James": "Jamie",
    "Cameron": "Cammy", "Isla": "Izzy", "Nathan": "Nate", "Lewis": "Lew", "Ruaridh": "Rory", "Siobhan": "Shiv", "Zofia": "Zosia",
    "Kacper": "Kasper",
}  # fmt: skip

SCHOOL_WORRIES = (
    ("PS-TIRED", "Fell asleep in class twice this week and said the house is noisy at night.", ("Healthy", "Achieving")),
    ("PS-HUNGRY", "Came to breakfast club every day and asked to take food home.", ("Healthy", "Nurtured")),
    ("PS-PEERS", "Left out at break; says a group chat has turned nasty.", ("Included", "Safe")),
    ("PS-PRESENT", "Clothes unwashed for several days, no coat in wet weather.", ("Nurtured", "Respected")),
    ("PS-CARER", "Gets a younger child ready for nursery before coming to school.", ("Responsible", "Achieving")),
)
FIRE_WORRIES = (
    ("HFSV-3", "No working smoke alarm; two fitted. Sockets overloaded in the bedroom.", ("Safe",)),
    ("HFSV-5", "Cooking left with a child at the time of the visit. Advice given, chip pan removed.", ("Safe", "Responsible")),
    ("HFSV-8", "Exit blocked by stored furniture; cleared during the visit.", ("Safe",)),
)
CHARITY_WORRIES = (
    ("YC-LOAD", "Told the group about doing most of the shopping and cooking.", ("Responsible", "Achieving")),
    ("YC-MOOD", "Quieter than usual; stayed behind to talk.", ("Healthy", "Nurtured")),
    ("YC-GOOD", "Led the cooking session and laughed a lot.", ("Included", "Active")),
)
POLICE_WORRIES = (
    ("DA", "Officers attended an argument between adults. Children were in another room and unhurt.", ("Safe", "Nurtured")),
    ("NOC", "Out late in the harbour car park with older young people; taken home.", ("Safe", "Responsible")),
    ("NEG", "Home cold and untidy when officers called about another matter.", ("Nurtured", "Safe")),
)
SOCIAL_WORRIES = (
    ("CF-02", "Parent asked for help with money and routines after a separation.", ("Nurtured", "Included")),
    ("CF-07", "Two agencies worried about missed appointments in the same month.", ("Healthy", "Nurtured")),
    ("CF-11", "Family accepted a support worker for the mornings.", ("Achieving", "Nurtured")),
)
VISITS = (
    ("AMB", "Community paediatric clinic"), ("AMB", "Health visitor review"), ("AMB", "Dental clinic"), ("EMER", "Emergency department"),
    ("AMB", "Audiology clinic"), ("AMB", "Asthma clinic"), ("IMP", "Children's ward"), ("AMB", "Speech and language clinic"),
)  # fmt: skip

MILESTONES = (
    ("health", "Not brought to two clinics in one month.", "Both letters went to the old address.", "worse"),
    ("school", "Began nursery.", "Talks more, and sleeps at night.", "better"),
    ("family", "A grandparent died.", "The family lost the person who did the mornings.", "worse"),
    ("money", "Heating and phone were cut off for a week.", "Stayed with friends; ate at school.", "worse"),
    ("support", "A support worker came every morning for six weeks.", "Up, fed and at school by nine.", "better"),
    ("achievement", "Swam a length for the first time.", "Told everybody.", "better"),
    ("not-seen", "Three home visits without an answer.", "Nobody from this service has seen the child since.", "unclear"),
)
SAYINGS = (
    ("home", "It is loud at night and I put the radio on."),
    ("school", "I like Fridays because we do art."),
    ("friends", "I have nobody to sit with since she moved."),
    ("plans", "You ask me and then you write something else."),
    ("hopes", "I want to work with horses."),
    ("caring", "I make the tea. It is fine. I would like a day off."),
)
SHOWN = (
    ("home", "Goes to the mother when a door bangs, and settles quickly on her lap."),
    ("family", "Watches the brother all the time and copies what he does."),
    ("other", "Did not look up when called, three times in an hour."),
)
EXCLUSIONS = (
    ("fight", "Fought in the yard at break."),
    ("disruption", "Would not let the lesson go on, for the fourth time this week."),
    ("pupil-abuse", "Threatened a younger pupil at the gate."),
    ("phone", "Filmed a teacher and sent it round."),
)

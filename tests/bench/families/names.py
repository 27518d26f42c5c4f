"""What children are called, community by community: own short lists of the common names, and Faker's long lists as the tail.

Nothing here comes from a table of the product: a matcher must not be measured with the names it was written from.
"""

from __future__ import annotations

import random
from functools import cache
from importlib import import_module
from itertools import accumulate
from typing import Literal

import msgspec

Sex = Literal["male", "female"]


class Names(msgspec.Struct, frozen=True):
    """Names by frequency, the commonest first. The n-th is drawn in proportion to 1 / (n + ``flat``): a low ``flat`` has a heavy head."""

    names: tuple[str, ...]
    flat: float
    cumulative: tuple[float, ...]

    def draw(self, dice: random.Random) -> str:
        return dice.choices(self.names, cum_weights=self.cumulative)[0]

    def common(self, name: str) -> bool:
        return name in self.names[:25]


class Community(msgspec.Struct, frozen=True, kw_only=True):
    """A community's names."""

    key: str
    share: float
    boys: Names
    girls: Names
    families: Names
    grown_men: Names
    grown_women: Names
    middles: tuple[float, float, float]

    def given(self, sex: Sex, dice: random.Random) -> str:
        return (self.boys if sex == "male" else self.girls).draw(dice)

    def parent(self, sex: Sex, dice: random.Random) -> str:
        return (self.grown_men if sex == "male" else self.grown_women).draw(dice)


_BOYS = """Noah Oliver Muhammad George Leo Arthur Oscar Theodore Jack Charlie Henry Harry Thomas Archie Theo Freddie Luca Jacob Alexander
William James Joshua Isaac Edward Max Lucas Teddy Finley Adam Mason Ethan Logan Toby Joseph Samuel Daniel Albie Jude Reuben Tommy Ronnie
Louie Hugo Harrison Elijah Sebastian Rory Benjamin Roman Ezra Jaxon Riley Dylan Frankie Bobby Jayden Kayden Tyler Callum Connor Lewis Luke
Ryan Nathan Matthew Liam Jamie Aaron Alfie Alfred Stanley Reggie Zachary Gabriel Kai Blake Harley Brandon Kian Owen Ollie Jake Ben Cameron
Kyle Bradley Taylor Corey Declan Jenson Elliot Louis Rowan Sonny Vinnie Otis Milo Felix Rupert Caleb Nathaniel Leon Dexter Ralph"""
_GIRLS = """Olivia Amelia Isla Lily Ava Freya Ivy Florence Willow Isabella Mia Grace Evie Sienna Poppy Elsie Rosie Sophia Daisy Phoebe
Charlotte Evelyn Emily Sophie Ella Matilda Maya Millie Harper Isabelle Alice Ruby Maisie Penelope Ellie Eliza Luna Layla Lottie Hallie
Emilia Bonnie Arabella Mila Jessica Chloe Lucy Holly Amber Megan Imogen Lola Scarlett Erin Eva Esme Aria Nancy Molly Lexi Abigail Zara
Violet Thea Orla Robyn Summer Martha Darcie Hannah Bella Anna Maria Maddison Jasmine Leah Georgia Bethany Amy Paige Lauren Caitlin Niamh
Skye Mya Lacey Faith Hollie Eleanor Beatrice Annabelle Gracie Zoe Zoë Chloë Keira Libby Tilly Heidi Nicole Katie Sarah Rebecca Elizabeth"""
_FAMILIES = """Smith Jones Williams Taylor Brown Davies Evans Wilson Thomas Johnson Roberts Robinson Thompson Wright Walker White Edwards
Hughes Green Hall Lewis Harris Clarke Patel Jackson Wood Turner Martin Cooper Hill Ward Morris Moore Clark Lee King Baker Harrison Morgan
Allen James Scott Phillips Watson Davis Parker Price Bennett Young Griffiths Mitchell Kelly Cook Carter Richardson Bailey Collins Bell
Shaw Murphy Miller Cox Richards Khan Marshall Anderson Simpson Ellis Adams Singh Begum Wilkinson Foster Chapman Powell Webb Rogers Gray
Mason Ali Hunt Hussain Campbell Matthews Owen Palmer Holmes Mills Barnes Knight Lloyd Butler Russell Barker Fisher Stevens Jenkins Murray"""
_SCOTTISH_BOYS = """Jack Noah Leo Rory Finlay James Lewis Harris Alfie Luca Brodie Callum Angus Archie Logan Harrison Fraser Struan Hamish
Cameron Euan Ruaridh Lachlan Murray Calan Caelan Innes Finn Kerr Blair Ross Duncan Alasdair Gregor Cole Mirren Magnus Calum Lyle Ramsay"""
_SCOTTISH_GIRLS = """Olivia Isla Freya Millie Emily Amelia Ella Sophie Grace Lily Orla Skye Eilidh Ailsa Iona Mirren Kirsty Catriona Mhairi
Rhona Rowan Maisie Morven Niamh Lexi Innes Flora Ishbel Beth Callie Islay Arran Blair Erin Robyn Eden Maeve Elspeth Jura Shona"""
_SCOTTISH_FAMILIES = """Smith Brown Wilson Robertson Campbell Stewart Thomson Anderson Scott MacDonald McDonald Reid Murray Clark Taylor Ross
Young Mitchell Paterson Watson Morrison Fraser Davidson Gray McKenzie Mackenzie Hamilton Johnston Graham Kerr Simpson Martin Ferguson Hunter
MacLeod McLean Cameron Bell Duncan Grant Allan Black Mackay McIntosh Sutherland Sinclair Munro MacNeil McGregor Gordon Kennedy Burns Muir
Drummond Cunningham Rankin McLaughlin McCallum McInnes MacPherson Buchanan Wallace Lindsay Baxter Crawford McMillan"""
_IRISH_BOYS = """Jack James Noah Conor Daniel Rían Cillian Fionn Tadhg Liam Oisín Michael Finn Patrick Seán Darragh Cian Charlie Thomas Senan
Callum Eoin Ruairí Lorcan Donnacha Cathal Oran Odhran Caolan Ronan Niall Cormac Dara Ultan Fergal Rory Shea Tiernan Eamon Colm"""
_IRISH_GIRLS = """Grace Fiadh Emily Sophie Éabha Lily Mia Ellie Saoirse Ella Caoimhe Aoife Niamh Róisín Clodagh Sadhbh Ciara Orla Aisling Meabh
Erin Cara Siobhán Gráinne Bríd Cliona Eimear Sinéad Shannon Maeve Bronagh Dearbhla Nuala Una Laoise Clíona Tara Eilis Cadhla Oonagh"""
_IRISH_FAMILIES = """Murphy Kelly O'Sullivan Walsh Smith O'Brien Byrne Ryan O'Connor O'Neill O'Reilly Doyle McCarthy Gallagher Doherty Kennedy
Lynch Murray Quinn Moore McLoughlin O'Carroll Connolly Daly O'Connell Wilson Dunne Brennan Burke Collins Campbell Clarke Johnston Hughes
O'Farrell Fitzgerald Brown Martin Maguire Nolan Flynn Thompson O'Callaghan O'Donnell Duffy O'Mahony Boyle Healy O'Shea White Sweeney Hayes
Kavanagh Power McGrath Moran Brady Stewart Casey Foley Fitzpatrick O'Leary McDonnell MacMahon Donnelly Regan Ward McKenna Burns"""
_WELSH_BOYS = """Noah Oliver Arthur Jac Osian Harri Rhys Dylan Macsen Owen Gethin Iestyn Ioan Elis Tomos Morgan Cai Gruffydd Efan Ifan Llyr Evan
Steffan Emrys Lewys Dewi Celt Guto Hywel Aled Idris Rhodri Gwilym Deio Mabli Bryn Ianto Siôn Math Twm"""
_WELSH_GIRLS = """Olivia Amelia Mali Cadi Ffion Seren Eira Nia Elin Megan Lowri Carys Efa Gwen Erin Alys Catrin Mabli Lili Nansi Begw Betsan Anest
Bethan Rhiannon Sioned Angharad Cerys Lleucu Gwenllian Martha Enlli Non Mared Ela Casi Hanna Siân Beca Heledd"""
_WELSH_FAMILIES = """Jones Davies Williams Evans Thomas Roberts Lewis Hughes Morgan Griffiths Edwards Owen James Rees Price Morris Richards Lloyd
Phillips Parry Jenkins Davis Harris Powell Pritchard Howells Watkins Ellis Bevan Humphreys Bowen Rowlands Prosser Pugh Vaughan Hopkins
Llewellyn Gwynne Probert Meredith"""
_MUSLIM_BOYS = """Mohammed Muhammad Ibrahim Yusuf Ali Ahmed Musa Hamza Zayn Adam Ismail Yahya Isa Abdullah Omar Umar Hassan Hussain Bilal Zakariya
Ayaan Rayyan Haris Mustafa Mohamed Mohammad Eesa Idris Dawud Sulaiman Usman Khalid Hashim Ilyas Junaid Faizan Zain Amaan Daniyal Rehan Imran
Saad Talha Armaan Sami Yunus Salman Aqib Kamran Tariq Nabil Shayan Anas Ayub Haroon Luqman Jibril Kashif Adeel Nadeem"""
_MUSLIM_GIRLS = """Fatima Aisha Maryam Zainab Khadija Hafsa Amina Safa Inaya Zara Aaliyah Sumayyah Hana Ayesha Anaya Ayah Noor Sara Iqra Yasmin Hiba
Aleena Zoya Haleema Safiya Mariam Asma Sana Eliza Alisha Laiba Nimra Ruqayyah Hira Samia Leila Layla Eman Amira Jannah Mahnoor Nadia Rabia
Rania Saima Sidra Tahira Umaima Ramla Salma Malaika Aroosa Faiza Huda Ikram Hodan Ifrah Sagal Naima Samira"""
_PAKISTANI_FAMILIES = """Khan Hussain Ahmed Ali Mahmood Akhtar Malik Iqbal Shah Begum Mohammed Chaudhry Rehman Rahman Bibi Butt Aslam Miah Uddin
Chowdhury Qureshi Sheikh Mirza Raja Aziz Siddiqui Hassan Islam Kauser Anwar Javed Saleem Rashid Ashraf Mughal Zaman Bashir Arshad Hashmi Latif
Haque Choudhury Alam Sultana Bhatti Khalid Yousaf Nawaz Rafiq Riaz"""
_ARABIC_FAMILIES = """Mohamed Ali Ahmed Hassan Hussein Abdi Ibrahim Omar Yusuf Osman Mohamud Warsame Al-Hassan Abdullahi Farah Jama Al-Sayed Said
Mahmoud Khalil Saleh Nasser El-Sayed Haddad Mansour Aden Nur Salem Hamad Rahimi Ahmadi Karimi Hosseini Abdulrahman Al-Masri Aziz Khoury Najjar
Darwish Suleiman Elmi Hersi Noorzai Safi Barzani Amin Kareem Rashid Tesfay Kidane"""
_SIKH_BOYS = """Arjan Gurpreet Jasdeep Harjot Manveer Jaskaran Sukhraj Amrit Arjun Karan Simran Ranveer Harman Jovan Fateh Angad Balraj Dilraj Kiran
Gurdeep Tejpal Himmat Jeevan Navraj Rajan Veer Sahib Nihal Avtar Mandeep"""
_SIKH_GIRLS = """Simran Jasleen Harleen Kiran Gurleen Amrit Jasmeet Manpreet Mehak Anaya Harpreet Avneet Sukhmani Jaya Asees Kavleen Navneet Ravneet
Rupinder Tanvir Gurpreet Prabhleen Anoop Nimrat Sehaj Tavleen Mandeep Jaspreet Khushi Mansimran"""
_SIKH_FAMILIES = (
    """Singh Gill Sandhu Dhillon Sidhu Grewal Bains Dhaliwal Johal Virk Mann Sohal Rai Bassi Uppal Kang Atwal Hayer Randhawa Sahota"""
)
_INDIAN_HEAD = (
    """Patel Shah Sharma Kumar Mistry Parmar Desai Joshi Nair Reddy Gupta Mehta Chauhan Solanki Iyer Menon Das Thomas Varghese Rao"""
)
_AFRICAN_BOYS = """David Daniel Emmanuel Samuel Joshua Michael Joseph Nathan Elijah Gabriel Jeremiah Isaiah Caleb Ethan Kwame Kofi Jayden Tobi Ayo
Temi Tunde Chidi Emeka Kelechi Tanaka Tawanda Tinashe Ebenezer Prince Divine Praise Israel Malachi Zion Micah"""
_AFRICAN_GIRLS = """Grace Sarah Esther Michelle Victoria Deborah Naomi Princess Abigail Hannah Rachel Faith Favour Blessing Precious Destiny Zoe Ama
Abena Adaeze Chidera Ngozi Temi Tomi Folake Rutendo Tadiwa Nyasha Ruvarashe Praise Gloria Eliana Nia Amara Makena"""
_AFRICAN_FAMILIES = """Mensah Boateng Owusu Asante Osei Okafor Okonkwo Adeyemi Nwosu Ogunleye Adebayo Balogun Eze Obi Agyemang Appiah Moyo Ncube
Sibanda Dube Ndlovu Chikwanha Kamara Sesay Conteh Williams Johnson Okeke Banda Phiri Mutasa Kimani Otieno Amoah Sarpong"""
_POLISH_BOYS = """Jakub Antoni Jan Szymon Aleksander Filip Kacper Oliwier Oskar Adam Nikodem Leon Wojciech Michał Mateusz Dawid Krzysztof Piotr Łukasz"""
_POLISH_GIRLS = (
    """Zuzanna Julia Maja Hanna Lena Alicja Oliwia Zofia Amelia Nikola Aleksandra Wiktoria Natalia Gabriela Małgorzata Emilia Kinga Zoja"""
)
_ROMANIAN_BOYS = "David Andrei Luca Matei Gabriel Alexandru Ștefan Mihai Ionuț Rareș Darius Cristian Robert Denis Sebastian"
_ROMANIAN_GIRLS = "Maria Sofia Ioana Andreea Elena Daria Alexandra Antonia Anastasia Ștefania Larisa Denisa Bianca Iulia Mălina"
_ROMANIAN_FAMILIES = "Popa Popescu Ionescu Radu Dumitru Stan Stoica Gheorghe Matei Rusu Munteanu Moldovan Ciobanu Tudor Lupu Marin"


def _faker(locale: str, *attributes: str) -> tuple[str, ...]:
    provider = import_module(f"faker.providers.person.{locale}").Provider
    return tuple(name for attribute in attributes for name in getattr(provider, attribute))


def _list(flat: float, head: str, *tails: tuple[str, ...]) -> Names:
    """The head in its order, then the tails' names in one fixed shuffle: alphabetical order is no frequency."""
    first = head.split()
    tail = sorted({name for names in tails for name in names} - set(first))
    random.Random("tail").shuffle(tail)
    names = tuple(dict.fromkeys((*first, *tail)))
    return Names(names, flat, tuple(accumulate(1 / (rank + flat) for rank in range(1, len(names) + 1))))


def _community(
    key: str,
    share: float,
    boys: Names,
    girls: Names,
    families: Names,
    middles: tuple[float, float, float],
    grown: tuple[Names, Names] | None = None,
) -> Community:
    men, women = grown or (boys, girls)
    return Community(key=key, share=share, boys=boys, girls=girls, families=families, grown_men=men, grown_women=women, middles=middles)


@cache
def communities() -> tuple[Community, ...]:
    """The communities of the town with their shares, roughly those of the children of an English or Scottish city."""
    british = (0.2, 0.62, 0.18)
    gb_men, gb_women = _faker("en_GB", "first_names_male"), _faker("en_GB", "first_names_female")
    us_men, us_women = _faker("en_US", "first_names_male"), _faker("en_US", "first_names_female")
    ie_men, ie_women = _faker("en_IE", "first_names_male"), _faker("en_IE", "first_names_female")
    surnames = _faker("en_GB", "last_names"), _faker("en_IE", "last_names")
    boys, girls = _list(20, _BOYS, gb_men, us_men, ie_men), _list(20, _GIRLS, gb_women, us_women, ie_women)
    grown = _list(20, " ".join(gb_men)), _list(20, " ".join(gb_women))
    muslim_boys = _list(3, _MUSLIM_BOYS, _faker("en_PK", "first_names"))
    muslim_girls = _list(8, _MUSLIM_GIRLS, tuple(name for name in _faker("en_PK", "first_names") if name[-1] in "ah"))
    pakistani = _list(2, _PAKISTANI_FAMILIES, _faker("en_PK", "last_names"))
    indian = (
        _list(12, "Aarav Arjun Vivaan", _faker("en_IN", "first_names_male")),
        _list(12, "Anaya Diya Aadhya", _faker("en_IN", "first_names_female")),
    )
    # fmt: off
    return (
        _community("english", 0.55, boys, girls, _list(14, _FAMILIES, *surnames), british, grown),
        _community("scottish", 0.08, _list(15, _SCOTTISH_BOYS, boys.names), _list(15, _SCOTTISH_GIRLS, girls.names), _list(12, _SCOTTISH_FAMILIES, surnames[0]), british, grown),
        _community("irish", 0.05, _list(15, _IRISH_BOYS, ie_men), _list(15, _IRISH_GIRLS, ie_women), _list(15, _IRISH_FAMILIES, surnames[1]), british, grown),
        _community("welsh", 0.04, _list(15, _WELSH_BOYS, boys.names), _list(15, _WELSH_GIRLS, girls.names), _list(4, _WELSH_FAMILIES, surnames[0]), british, grown),
        _community("pakistani", 0.09, muslim_boys, muslim_girls, pakistani, (0.6, 0.35, 0.05)),
        _community("arabic", 0.04, muslim_boys, muslim_girls, _list(5, _ARABIC_FAMILIES), (0.45, 0.45, 0.1)),
        _community("indian", 0.025, *indian, _list(3, _INDIAN_HEAD, _faker("en_IN", "last_names")), (0.6, 0.37, 0.03)),
        _community("sikh", 0.015, _list(8, _SIKH_BOYS), _list(8, _SIKH_GIRLS), _list(1, _SIKH_FAMILIES), (0.5, 0.5, 0.0)),
        _community("african", 0.045, _list(12, _AFRICAN_BOYS, _faker("yo_NG", "first_names_male")), _list(12, _AFRICAN_GIRLS, _faker("yo_NG", "first_names_female")), _list(10, _AFRICAN_FAMILIES, _faker("yo_NG", "last_names")), (0.1, 0.6, 0.3)),
        _community("polish", 0.03, _list(8, _POLISH_BOYS, _faker("pl_PL", "first_names_male")), _list(8, _POLISH_GIRLS, _faker("pl_PL", "first_names_female")), _list(10, " ".join(_faker("pl_PL", "male_last_names")), _faker("pl_PL", "unisex_last_names")), (0.6, 0.4, 0.0)),
        _community("romanian", 0.015, _list(8, _ROMANIAN_BOYS, _faker("ro_RO", "first_names_male")), _list(8, _ROMANIAN_GIRLS, _faker("ro_RO", "first_names_female")), _list(6, _ROMANIAN_FAMILIES, _faker("ro_RO", "last_names")), (0.5, 0.45, 0.05)),
        _community("turkish", 0.01, _list(10, "Yusuf Emir Mehmet Mustafa Ömer Emre", _faker("tr_TR", "first_names_male")), _list(10, "Zeynep Elif Defne Ayşe Azra", _faker("tr_TR", "first_names_female")), _list(5, "", _faker("tr_TR", "last_names")), (0.7, 0.3, 0.0)),
        _community("portuguese", 0.01, _list(10, "", _faker("pt_PT", "first_names_male")), _list(10, "", _faker("pt_PT", "first_names_female")), _list(8, "", _faker("pt_PT", "last_names")), (0.3, 0.6, 0.1)),
    )
    # fmt: on


def draw_community(dice: random.Random) -> Community:
    towns = communities()
    return dice.choices(towns, weights=[each.share for each in towns])[0]


def daughters(family: str, community: str, dice: random.Random) -> str:
    """A daughter's family name where it may differ from her father's: Kaur beside Singh, -ska beside -ski (half the parents keep -ski)."""
    if community == "sikh" and family == "Singh":
        return "Kaur"
    return f"{family[:-1]}a" if community == "polish" and family.endswith(("ski", "cki")) and dice.random() < 0.5 else family

"""Names: what counts as one name, what as a slip of the pen, and what could be a brother or sister."""

from __future__ import annotations

from importlib.resources import files
from itertools import combinations

import pytest
from hypothesis import given as everywhere
from hypothesis import strategies as st

from connectors.matching.names import (
    FamilyLevel,
    GivenLevel,
    Name,
    compare_family,
    compare_given,
    family,
    family_share,
    given,
    given_share,
    is_known_given,
    is_placeholder,
    often_shared,
    same_name,
)
from connectors.matching.variants import GIVEN_SHARES


def prepared(raw: str) -> Name:
    name = given(raw)
    assert name is not None
    return name


def surname(raw: str) -> Name:
    name = family(raw)
    assert name is not None
    return name


def compared(a: str, b: str) -> GivenLevel:
    level = compare_given(prepared(a), prepared(b))
    assert compare_given(prepared(b), prepared(a)) == level
    return level


def families(a: str, b: str) -> FamilyLevel:
    level = compare_family(surname(a), surname(b))
    assert compare_family(surname(b), surname(a)) == level
    return level


FORMS = {
    "English": "Katie~Catherine Kate~Katie Kit~Christopher Bobby~Robert Lottie~Charlotte Xander~Alexander Jake~Jacob Ted~Edward Ellie~Eleanor Abbie~Abigail Jack~John Jack~Jackson Zoë~Zoey Isobel~Isabelle",
    "Scottish": "Catriona~Catherine Catriona~Katie Eilidh~Ailidh Eilidh~Helen Hamish~James Hamish~Seumas Iain~Ian Iain~John Ewan~Euan Mhairi~Mairi Alasdair~Alistair Ruaridh~Ruairidh Lachlan~Lachie Angus~Aonghas",
    "Irish": "Padraig~Patrick Padraig~Paddy Pádraig~Pat Siobhan~Shivaun Caoimhe~Keeva Niamh~Neve Seán~Shaun Tadhg~Tadgh Oisín~Ossian Meabh~Maeve Orlaith~Orla Cian~Kian Ciara~Keira Aodhán~Aidan",
    "Welsh": "Siân~Jane Rhys~Reece Dafydd~David Dafydd~Dai Gruffydd~Griffith Gethin~Gethyn Llywelyn~Llew Ieuan~John Gwenllian~Gwen Huw~Hugh Macsen~Maxen",
    "South Asian": "Mohammed~Muhammad Mohammed~Mohamed Mohammed~Mohd Md~Mohammad Aisha~Ayesha Hussain~Hussein Zainab~Zaynab Umar~Omar Yusuf~Yousuf Bilal~Bilaal Khadija~Khadijah Priya~Priyah Aarav~Arav Zakariya~Zakariyya",
    "Arabic": "Fatima~Fatimah Yusuf~Joseph Maryam~Mariam Abdul-Rahman~Abdurrahman Abdirahman~Abdelrahman Abdulaziz~Abdelaziz محمد~Mohammed فاطمة~Fatima عبدالله~Abdullah Ibrahim~Ebrahim",
    "Turkish and Somali": "Mehmet~Muhammad Ayşe~Aisha Hatice~Khadija Xasan~Hassan Caasha~Aisha Maxamed~Mohamed",
    "Polish and Ukrainian": "Zofia~Sophia Zofia~Zosia Kasia~Katarzyna Aleksander~Alexander Olek~Aleksander Małgorzata~Gosia Paweł~Paul Jakub~Kuba Мария~Maria Юлія~Julia Wojciech~Wojtek Володимир~Vladimir",
    "West African": "Oluwaseun~Seun Oluwatobi~Tobi Chukwuemeka~Emeka Kojo~Kwadwo Babatunde~Tunde Abubakar~Aboubacar Temitope~Temi",
}  # fmt: skip


@pytest.mark.parametrize("tradition", FORMS)
def test_forms_of_one_name_are_told_as_one(tradition: str) -> None:
    for pair in FORMS[tradition].split():
        a, b = pair.split("~")
        assert compared(a, b) in ("variant", "exact"), pair


TWO_NAMES = "Ella~Ellie Jack~Jake Olivia~Livia Isla~Isabella Mia~Maria Theo~Teddy Harry~Henry Harry~Harrison Evie~Eve Evie~Eva Mia~Amelia Alexander~Alexandra Ahmed~Mohammed Hassan~Hussain Emily~Millie Liam~William Daniel~Danielle John~Jackson Mohammad~Mahmoud Oluwatobi~Oluwatosin Mya~Maya"


@pytest.mark.parametrize("pair", TWO_NAMES.split())
def test_names_that_twins_may_well_bear_are_two_names(pair: str) -> None:
    a, b = pair.split("~")
    assert compared(a, b) not in ("exact", "variant", "typo")


def test_nothing_is_concluded_across_a_third_name() -> None:
    assert same_name("jack", "john")
    assert same_name("jack", "jackson")
    assert not same_name("john", "jackson")
    assert same_name("teddy", "edward")
    assert same_name("teddy", "theodore")
    assert not same_name("edward", "theodore")


ON_PURPOSE = """
oliver~ollie charlie~charlotte thomas~tommy jacob~jake muhammad~mohammed isabella~bella sophie~sophia evie~evelyn charlotte~lottie
freddie~frederick theo~theodore edward~teddy theodore~teddy ellie~eleanor elizabeth~eliza albie~albert rose~rosie
"""


def test_of_the_most_frequent_names_only_those_listed_on_purpose_are_one() -> None:
    frequent = sorted(GIVEN_SHARES, key=lambda name: -GIVEN_SHARES[name])[:150]
    found = {frozenset(pair) for pair in combinations(frequent, 2) if same_name(*pair)}
    assert found <= {frozenset(pair.split("~")) for pair in ON_PURPOSE.split()}


@pytest.mark.parametrize(
    ("a", "b", "level"),
    [
        ("Jhon", "John", "typo"),
        ("Chistopher", "Christopher", "typo"),
        ("Oilver", "Oliver", "typo"),
        ("Muhamamd", "Muhammad", "typo"),
        ("Eildih", "Eilidh", "typo"),
        ("Mya", "Maya", "near"),
        ("Zara", "Sara", "near"),
        ("Alexander", "Alexandra", "near"),
        ("Qwzx", "Qwzy", "near"),
    ],
)
def test_a_slip_of_the_pen_is_told_from_a_twin_with_a_similar_name(a: str, b: str, level: GivenLevel) -> None:
    assert compared(a, b) == level


@pytest.mark.parametrize(
    ("a", "b", "level"),
    [
        ("ZOË", "zoe", "exact"),
        ("Łukasz", "Lukasz", "exact"),
        ("Søren", "Soren", "exact"),
        ("Mary-Jane", "Mary Jane", "exact"),
        ("Mary Jane", "Maryjane", "exact"),
        ("D’Arcy", "D'arcy", "exact"),
        ("Mary", "Maryjane", "part"),
        ("Anne-Marie", "Marie", "part"),
        ("Kate", "Catherine Rose", "part"),
        ("Mohammed", "Mohammed Ali", "part"),
        ("Ali", "Mohammed Ali", "part"),
        ("Rahman", "Abdul Rahman", "part"),
        ("Mohammed Ali", "Muhammad Ali", "variant"),
        ("J", "Jo", "initial"),
        ("K.", "Katherine", "initial"),
        ("Hana", "Xin", "differs"),
        ("Oliver", "Amelia", "differs"),
    ],
)
def test_given_names_agree_as_far_as_they_do(a: str, b: str, level: GivenLevel) -> None:
    assert compared(a, b) == level


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Mohammed Ali", "Mohammed Hassan"),
        ("Mohammed Ali", "Muhammad Adil"),
        ("Abdul Rahman", "Abdul Karim"),
        ("Syeda Fatima", "Syeda Zahra"),
        ("Lily-Mae", "Ellie-Mae"),
    ],
)
def test_a_part_that_brothers_and_sisters_share_makes_no_one_child_of_them(a: str, b: str) -> None:
    assert compared(a, b) == "differs"


@pytest.mark.parametrize(
    ("a", "b", "level"),
    [
        ("O'Brien", "O Brien", "exact"),
        ("O’Brien", "OBRIEN", "exact"),
        ("Mac Donald", "MacDonald", "exact"),
        ("van der Berg", "Vanderberg", "exact"),
        ("al-Hassan", "Al Hassan", "exact"),
        ("Kowalski", "Kowalska", "typo"),
        ("MacDonald", "McDonald", "typo"),
        ("Clark", "Clarke", "typo"),
        ("Smith", "Smiht", "typo"),
        ("Smith-Jones", "Jones", "part"),
        ("O'Brien Smith", "OBrien", "part"),
        ("Smith-Jones", "Jones-Taylor", "part"),
        ("al-Hassan", "Hassan", "part"),
        ("de Silva", "Silva", "part"),
        ("Johnson", "Johnston", "sounds"),
        ("Morris", "Norris", "differs"),
        ("Khan", "Chan", "differs"),
        ("Li", "Le", "differs"),
        ("Singh", "Kaur", "differs"),
        ("Smith", "Jones", "differs"),
    ],
)
def test_family_names_agree_as_far_as_they_do(a: str, b: str, level: FamilyLevel) -> None:
    assert families(a, b) == level


PLACEHOLDERS = "Baby|baby girl|BABY BOY|Baby of Smith|Baby Smith|B/O Smith|Twin 1|Twin Two|twin|Smith Twin 2|1st twin|Triplet 3|Unknown|Infant|Infant Jones|Male|Female|Unborn|Unborn baby|NK|N/A|n.a.|Not known|Not yet named|Not recorded|To be confirmed|TBC|Test|Test Child|Anon|Unnamed|No name|Son of Mary|-|?|???|XXX|123"


@pytest.mark.parametrize("raw", PLACEHOLDERS.split("|"))
def test_what_was_written_for_want_of_a_name_is_no_name(raw: str) -> None:
    assert is_placeholder(raw)
    assert given(raw) is None


@pytest.mark.parametrize("raw", ["Mei", "Bo", "Na", "Unity", "Boyd", "Nova", "Bab'ak", "Testament", "Malea", "Son", "J"])
def test_a_name_that_looks_like_a_placeholder_is_a_name(raw: str) -> None:
    assert given(raw) is not None


def test_no_name_is_neither_a_name_nor_a_placeholder() -> None:
    for raw in (None, "", "   "):
        assert given(raw) is None
        assert family(raw) is None
        assert not is_placeholder(raw)


def test_child_is_a_family_name_and_unknown_is_none() -> None:
    assert surname("Child").text == "child"
    assert given("Child") is None
    assert family("Unknown") is None
    assert family("Not known") is None


def test_parts_keep_their_particles() -> None:
    assert prepared("Mary-Jane").parts == ("mary", "jane")
    assert surname("van der Berg-Smith").parts == ("vanderberg", "smith")
    assert surname("Mac an Bháird").text == "macanbhaird"
    assert surname("de la Cruz").parts == ("delacruz",)
    assert surname("Le").parts == ("le",)


def test_a_frequent_name_has_a_share_and_a_rare_one_none() -> None:
    olivia, smith, rare = given_share(prepared("Olivia")), family_share(surname("Smith")), given_share(prepared("Qwzx"))
    assert olivia is not None
    assert 0.001 < olivia < 0.02
    assert smith is not None
    assert 0.005 < smith < 0.02
    assert rare is None
    assert family_share(surname("Qwzx")) is None
    assert sum(GIVEN_SHARES.values()) < 100_000


def test_the_commonest_misspellings_are_not_known_as_names() -> None:
    slips = "jhon oilver olvia geroge chalie alfei muhamamd kaite jamse amleia emliy sohpie wiliam tohmas danile"
    assert [slip for slip in slips.split() if is_known_given(slip)] == []
    assert is_known_given("eilidh")
    assert is_known_given("keeva")


@pytest.mark.parametrize("text", ["mohammed", "muhammad", "mohd", "md", "mehmet", "syed", "syeda", "abdul", "bibi", "begum", "noor"])
def test_a_first_name_that_brothers_and_sisters_share_is_known_to_be_one(text: str) -> None:
    assert often_shared(text)


def test_an_ordinary_name_is_not_shared_by_brothers_and_sisters() -> None:
    assert not any(often_shared(text) for text in ("oliver", "aisha", "ahmed", "katie", "padraig"))


def test_the_table_of_forms_is_written_as_its_head_says() -> None:
    for line in (files("connectors.matching") / "data" / "variants.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            left, colon, right = line.removeprefix("not ").partition(":")
            words = left.split() + right.replace(",", " ").split()
            assert all(word.isascii() and word.isalpha() and word.islower() for word in words), line
            assert left.split(), line
            assert right.split() if colon else len(words) > 1, line
            assert line.startswith("not ") or len(words) == len(set(words)), line


RAW = st.one_of(st.sampled_from([*GIVEN_SHARES, "Mary-Jane", "Mohammed Ali", "Abdul Rahman", "van der Berg", "J"]), st.text(max_size=24))


@everywhere(RAW, RAW)
def test_it_does_not_matter_which_name_comes_first(x: str, y: str) -> None:
    a, b = given(x), given(y)
    if a is not None and b is not None:
        assert compare_given(a, b) == compare_given(b, a)
        assert same_name(a.text, b.text) == same_name(b.text, a.text)
    c, d = family(x), family(y)
    if c is not None and d is not None:
        assert compare_family(c, d) == compare_family(d, c)


@everywhere(RAW)
def test_a_prepared_name_is_plain_letters_and_equals_itself(raw: str) -> None:
    name = given(raw)
    if name is not None:
        assert name.text.isascii()
        assert name.text.isalpha()
        assert "".join(name.parts) == name.text
        assert compare_given(name, name) == "exact"

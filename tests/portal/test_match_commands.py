"""The commands for matching, as people and programs run them: what they print, how they end, and that nothing of a child is in a mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from connectors.connector import Address, Identifier, Person, Subject
from portal.cli import labelled, main
from tests.documentation import DOCS, blocks
from tests.walkthrough import Reader

ROSA = {"given_name": "Rosalind", "family_name": "Featherstone", "birth_date": "2014-02-03"}
OTIS = {"given_name": "Otis", "family_name": "Blue", "birth_date": "2009-05-06"}


def run(*arguments: object, typed: str | bytes | None = None) -> Result:
    return CliRunner(env={"COLUMNS": "160"}).invoke(main, ["match", *(str(each) for each in arguments)], input=typed)


def did(*arguments: object, typed: str | bytes | None = None) -> str:
    """What a command that must succeed prints."""
    done = run(*arguments, typed=typed)
    assert done.exit_code == 0, done.output
    return done.stdout


def mistakes(*arguments: object, code: int = 2) -> list[dict[str, Any]]:
    """What a command is refused with, in JSON."""
    done = run(*arguments, "--json")
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)["errors"]  # type: ignore[no-any-return]


def asked(subject: dict[str, Any], *candidates: dict[str, Any]) -> str:
    return json.dumps({"subject": subject, "candidates": candidates})


# From a program


def test_a_line_is_answered_with_links_and_possible_ones_and_bits_that_add_up() -> None:
    line = asked(ROSA, {"id": 1, **OTIS}, {"id": 2, **ROSA}, {"id": "3", **ROSA, "given_name": "Rosalynd", "postcode": "NS1 1AA"})

    results = json.loads(did("--json", "--population", 300, typed=f"{line}\n"))["results"]

    assert [each["id"] for each in results] == ["2", "3"]
    assert {each["band"] for each in results} <= {"LINK", "POSSIBLE"}
    for each in results:
        assert sum(part["bits"] for part in each["evidence"]) == pytest.approx(each["bits"], abs=0.1)
        assert all(part.keys() == {"field", "words", "bits"} for part in each["evidence"])
        assert round(each["bits"], 4) == each["bits"]


def test_a_wrong_line_is_answered_with_its_errors_and_the_reading_goes_on() -> None:
    good = asked(ROSA, {"id": 1, **ROSA})
    lines = [good, "", "Featherstone", asked({"given_nam": "Rosalind"}), asked(ROSA, ROSA), f'{{"{"x" * 1_000_001}": 1}}', good]

    done = run("--json", typed="\n".join(lines))

    assert done.exit_code == 1
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert ["results" in each for each in answers] == [True, False, False, False, False, True]
    told = [error for each in answers[1:5] for error in each["errors"]]
    assert [(error["id"], error["file"], error["line"]) for error in told] == [("CV610", "<stdin>", at) for at in (3, 4, 5, 6)]
    assert all(error["hint"] for error in told)
    assert not {"Rosalind", "Featherstone"} & {word for error in told for word in str(error).split()}


def test_nothing_to_read_is_no_mistake() -> None:
    assert did("--json", typed="") == ""
    assert did("--json", typed="\n \n") == ""
    assert json.loads(did("--json", typed=b"\xef\xbb\xbf" + asked(ROSA).encode())) == {"results": []}


def test_a_program_that_holds_the_pipe_open_has_each_answer_at_once() -> None:
    command = [sys.executable, "-c", "from portal.cli import main; main()", "match", "--json"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdin
        assert process.stdout
        for at in range(3):
            print(asked(ROSA, {"id": at, **ROSA}), file=process.stdin, flush=True)
            assert [each["id"] for each in json.loads(process.stdout.readline())["results"]] == [str(at)]
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Give --json"),
        (("--population", 5, "explain", "x.json"), "Write --population after explain"),
        (("--population", 0, "--json"), "population"),
    ],
)
def test_a_group_used_wrongly_says_how_it_is_used(arguments: tuple[object, ...], words: str) -> None:
    done = run(*arguments)

    assert done.exit_code == 2
    assert words in done.stderr


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    mapping = tmp_path / "columns.toml"
    mapping.write_text('given_name = "forename"\n')

    assert [each["id"] for each in mistakes("--mapping", mapping)] == ["CV615"]
    assert [each["id"] for each in mistakes("--link", 1, "--possible", 2)] == ["CV615"]


# One pair


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    path = tmp_path / "pair.json"
    path.write_text(
        json.dumps({"subject": {**ROSA, "phones": "01632960123"}, "candidates": [OTIS, {**ROSA, "phones": "01632960123"}]}, indent=1)
    )
    return path


def test_a_pair_is_told_field_by_field_against_both_rivals(pair: Path) -> None:
    text = did("explain", pair, "--pair", 2)

    assert text.startswith("For test data, or for your own agency's data alone. Nothing of it is kept.")
    for words in (
        "Unrelated child",
        "Sibling or twin",
        "The given name agrees.",
        "A phone number agrees.",
        "Left",
        "LINK",
        "match-grade certain",
    ):
        assert words in text
    assert "Missing on one side or both" in text


def test_a_pair_is_told_to_a_program_with_bits_that_add_up(pair: Path) -> None:
    said = json.loads(did("explain", pair, "--pair", 2, "--json"))

    for rival in ("unrelated", "sibling"):
        assert said["prior"][rival] + sum(each[rival] for each in said["fields"]) == pytest.approx(said["sum"][rival])
    assert said["rivals"] + said["competition"] == pytest.approx(said["bits"])
    assert (said["band"], said["grade"], said["id"]) == ("LINK", "certain", "2")
    assert json.loads(did("explain", pair, "--json"))["grade"] == "certainly-not"


def test_lines_and_single_candidates_are_taken_too(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(f"{json.dumps({'subject': ROSA, 'candidate': OTIS})}\n\n{asked(ROSA, {'id': 'x', **ROSA})}\n")

    assert json.loads(did("explain", path, "--pair", 2, "--json"))["id"] == "x"
    assert json.loads(did("explain", "-", "--json", typed=asked(ROSA, ROSA)))["band"] == "LINK"
    assert [each["id"] for each in mistakes("explain", path, "--pair", 3)] == ["CV615"]


@pytest.mark.parametrize("text", ["Featherstone", '{"subject": {"Rosalind": 1}, "candidates": []}', '{"subject": {}}\n{"subject": {}}', ""])
def test_a_pair_that_cannot_be_read_is_refused_without_a_value(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pair.json"
    path.write_text(text)

    told = mistakes("explain", path)

    assert {each["id"] for each in told} == {"CV610"}
    assert not any(name in str(told) for name in ("Rosalind", "Featherstone"))


# Labelled data

HEADER = "a_given_name,a_family_name,a_birth_date,b_given_name,b_family_name,b_birth_date,same"
PAIRS = """Rosalind,Featherstone,2014-02-03,Rosalind,Featherstone,2014-02-03,1
Rosalind,Featherstone,2014-02-03,Gwendolen,Featherstone,2014-02-03,0
Rosalind,Featherstone,2014-02-03,Otis,Blue,2009-05-06,no
Gwendolen,Ashworth,2013-02-03,Otis,Blue,2009-05-06,TRUE
Otis,Blue,2009-05-06,Otis,Blue,2009-05-06,false
"""


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_pairs_are_measured_and_what_went_wrong_is_told_by_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "pairs.csv", f"{HEADER}\n{PAIRS}")

    found = json.loads(did("evaluate", path, "--json"))

    assert (found["questions"], found["pairs"], found["positives"], found["false_links"]) == (5, 5, 2, 1)
    assert (found["precision"]["n"], found["precision"]["of"], found["recall"]["n"], found["recall"]["of"]) == (1, 2, 1, 2)
    assert [(each["kind"], each["a"], each["b"]) for each in found["cases"]] == [("false-link", 6, 6), ("missed", 5, 5)]
    assert "given:exact" in found["cases"][0]["levels"]
    text = did("evaluate", path)
    assert text.startswith("For test data")
    for words in ("5 questions", "linked, and another child", "2,000.0 in 10,000", "If a link began at"):
        assert words in text
    assert not any(name in text for name in ("Otis", "Rosalind", "2009"))


def test_values_are_shown_only_where_they_are_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, "pairs.csv", f"{HEADER}\n{PAIRS}")

    assert "Otis" in did("evaluate", path, "--show-values")
    assert json.loads(did("evaluate", path, "--show-values", "--json"))["cases"][0]["subject"]["given_name"] == "Otis"
    assert json.loads(did("evaluate", path, "--wrong", 1, "--json"))["cases"][1:] == []
    assert json.loads(did("evaluate", path, "--wrong", 0, "--json"))["cases"] == []


def test_json_lines_and_other_delimiters_are_read_alike(tmp_path: Path) -> None:
    rows = [dict(zip(HEADER.split(","), line.split(","), strict=True)) for line in PAIRS.splitlines()]
    lines = written(tmp_path, "pairs.jsonl", "".join(f"{json.dumps({**row, 'same': row['same'] in ('1', 'TRUE')})}\n" for row in rows))
    tabs = written(tmp_path, "pairs.tsv", b"\xef\xbb\xbf" + f"{HEADER}\n{PAIRS}".replace(",", "\t").replace("\n", "\r\n").encode())
    commas = written(tmp_path, "pairs.csv", f"{HEADER}\n{PAIRS}")

    expected = json.loads(did("evaluate", commas, "--json", "--wrong", 0))
    assert json.loads(did("evaluate", lines, "--json", "--wrong", 0)) == expected
    assert json.loads(did("evaluate", tabs, "--json", "--delimiter", "tab", "--wrong", 0)) == expected


def test_a_threshold_given_is_the_one_that_is_measured(tmp_path: Path) -> None:
    path = written(tmp_path, "pairs.csv", f"{HEADER}\n{PAIRS}")

    found = json.loads(did("evaluate", path, "--link", 30, "--json"))

    assert (found["recall"]["n"], found["false_links"]) == (0, 0)
    assert "Linked from 30 bits on" in did("evaluate", path, "--link", 30)


def test_the_picture_loads_nothing_from_anywhere(tmp_path: Path) -> None:
    path = written(tmp_path, "pairs.csv", f"{HEADER}\n{PAIRS}")

    did("evaluate", path, "--plot", tmp_path / "plot.svg")

    text = (tmp_path / "plot.svg").read_text("utf-8")
    assert text.startswith("<svg")
    assert "Recall" in text
    assert "url(http" not in text
    assert text.count("http") == text.count('xmlns="http://www.w3.org/2000/svg"') == 1


A = """Ref,forename,sn,DOB,NHS No,who
a1,Rosalind,Featherstone,03/02/2014,,1
a2,Gwendolen,Ashworth,04/05/2012,999 398 2598,2
a3,Hugo,Ferrier,05/06/2011,,3
"""
B = """id,given_name,family_name,birth_date,nhs_number,who
b1,Rosalind,Fetherstone,2014-02-03,,1
b2,Otis,Blue,2009-05-06,9993982598,2
b3,Una,Marchmont,2008-07-07,,3
b4,Rosalind,Featherstone,2014-02-03,,9
"""
MAPPING = """[a]
id = "Ref"
given_name = "forename"
family_name = "sn"
birth_date = { column = "DOB", format = "%d/%m/%Y" }
identifiers = { nhs_number = "NHS No" }
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    return written(tmp_path, "a.csv", A), written(tmp_path, "b.csv", B), written(tmp_path, "columns.toml", MAPPING)


def test_two_files_are_measured_with_what_was_never_compared_apart(files: tuple[Path, Path, Path]) -> None:
    a, b, mapping = files

    found = json.loads(did("evaluate", a, b, "--mapping", mapping, "--truth", "who", "--json"))

    assert (found["questions"], found["positives"], found["lost"]["n"]) == (3, 3, 1)
    assert ("lost", 4, 4) in {(each["kind"], each["a"], each["b"]) for each in found["cases"]}
    # Two bear the number or the name and day of the first two, so that they were compared.
    assert found["pairs"] == 3


def test_the_truth_may_stand_in_a_file_of_pairs(tmp_path: Path, files: tuple[Path, Path, Path]) -> None:
    a, b, mapping = files
    truth = written(tmp_path, "truth.csv", "a,b\na1,b1\na2,b2\na3,b3\n")

    by_file = did("evaluate", a, b, "--mapping", mapping, "--truth-file", truth, "--json")

    assert json.loads(by_file) == json.loads(did("evaluate", a, b, "--mapping", mapping, "--truth", "who", "--json"))


def test_records_find_each_other_by_any_of_the_loose_keys() -> None:
    one = Subject(
        given_name="Rosalind", family_name="Featherstone", birth_date="2014-02-03", addresses=(Address(postcode="NS1 1AA"),),
        identifiers=(Identifier("ours", "7"),),
    )  # fmt: skip
    others = {
        "birth date": Person(id="", birth_date="2014-02-03"),
        "sound and year": Person(id="", family_name="Fetherstone", birth_date="2014-11"),
        "given and year": Person(id="", given_name="Rosalind", birth_date="2014"),
        "begin and day": Person(id="", family_name="Feagan", birth_date="2001-02-03"),
        "postcode and initial": Person(id="", given_name="Ruth", postcode="ns11aa"),
        "number": Person(id="", identifiers=(Identifier("ours", " 7"),)),
    }

    assert [name for name, other in others.items() if not labelled.keys(one) & labelled.keys(other)] == []
    assert not labelled.keys(one) & labelled.keys(Person(id="", given_name="Otis", family_name="Blue", birth_date="2009-01-01"))
    assert labelled.keys(Subject()) == set()


def test_a_key_that_too_many_bear_brings_nobody_together(
    tmp_path: Path, files: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, _, mapping = files
    crowd = "".join(f"x{at},Otis{at},Blue{at},2014-02-03,,x{at}\n" for at in range(6))
    b = written(tmp_path, "crowd.csv", B + crowd)
    arguments = ("evaluate", a, b, "--mapping", mapping, "--truth", "who", "--json")

    assert json.loads(did(*arguments))["pairs"] == 9
    monkeypatch.setattr(labelled, "MAX_BEARERS", 5)
    assert json.loads(did(*arguments))["pairs"] == 3


# Mistakes of files


@pytest.mark.parametrize(
    ("text", "id", "line", "words"),
    [
        ("", "CV612", 1, "empty"),
        (f"{HEADER}\nx,y\n", "CV611", 2, "2 values"),
        (f'{HEADER}\n"Rosalind,y\n', "CV611", 2, "not CSV"),
        (f"{HEADER}\n\xff".encode("latin-1"), "CV611", 1, "UTF-8"),
        ('{"a_given_name": "Rosalind"\n', "CV611", 1, "flat JSON"),
        ('{"a_given_name": ["Rosalind"]}\n', "CV611", 1, "flat JSON"),
        (f"{HEADER},same\n", "CV612", 1, "twice"),
        (f"{HEADER[:-5]}\n", "CV612", 1, "no column 'same'"),
        ("same,x\n1,y\n", "CV612", 1, "'a_given_name'"),
        (f"{HEADER}\n{PAIRS.splitlines()[0]}\n", "CV614", None, "two children"),
        (f"{HEADER}\n{PAIRS.splitlines()[1]}\n", "CV614", None, "one child"),
        (f"{HEADER}\n", "CV614", None, "one child"),
    ],
)
def test_a_file_that_cannot_be_measured_is_refused_with_its_line(
    tmp_path: Path, text: str | bytes, id: str, line: int | None, words: str
) -> None:
    told = mistakes("evaluate", written(tmp_path, "pairs.csv", text))

    assert (told[0]["id"], told[0]["line"]) == (id, line)
    assert words in told[0]["message"]
    assert all(each["hint"] for each in told)
    assert "Rosalind" not in str(told)


def test_every_value_that_cannot_be_read_is_told_by_its_line_alone(tmp_path: Path) -> None:
    rows = PAIRS + 'Rosalind,x,03/02/2014,"a\nb",y,2014,1\nRosalind,x,2014,a,y,2014,maybe\n' + f"{'x' * 1_001},x,2014,a,y,2014,1\n"

    told = mistakes("evaluate", written(tmp_path, "pairs.csv", f"{HEADER}\n{rows}"))

    assert [(each["id"], each["line"]) for each in told] == [("CV613", 7), ("CV613", 9), ("CV613", 10)]
    assert not any(value in str(told) for value in ("Rosalind", "03/02/2014", "maybe", "xxx"))


def test_the_mistakes_of_both_files_are_told_at_once(tmp_path: Path) -> None:
    a = written(tmp_path, "a.csv", "given_name,who\nRosalind,1\n")
    b = written(tmp_path, "b.csv", "given_name,birth_date,who\nRosalind,3/2/14,1\nOtis,4/2/14,2\n")

    told = mistakes("evaluate", a, b, "--truth", "child")
    assert [(each["id"], Path(each["file"]).name) for each in told] == [("CV612", "a.csv"), ("CV612", "b.csv")]
    assert "'given_name', 'who'" in told[0]["hint"]
    assert [each["line"] for each in mistakes("evaluate", a, b, "--truth", "who")] == [2, 3]


def test_ids_of_a_truth_file_must_be_there_and_single(tmp_path: Path, files: tuple[Path, Path, Path]) -> None:
    a, _, mapping = files
    b = written(tmp_path, "double.csv", B + "b4,Otis,Blue,2009-05-06,,8\n,Otis,Blue,2009-05-06,,8\n")
    truth = written(tmp_path, "truth.csv", "a,b\na1,b1\nb1,a1\n")

    told = mistakes("evaluate", a, b, "--mapping", mapping, "--truth-file", truth)
    assert [(each["id"], each["line"]) for each in told] == [("CV613", 6), ("CV613", 7)]
    told = mistakes("evaluate", a, files[1], "--mapping", mapping, "--truth-file", truth)
    assert [(each["id"], each["line"]) for each in told] == [("CV613", 3)]
    told = mistakes("evaluate", a, files[1], "--mapping", mapping, "--truth-file", files[1])
    assert [each["message"] for each in told] == ["has no column 'a'."]


def test_two_files_without_a_child_in_common_cannot_be_measured(files: tuple[Path, Path, Path]) -> None:
    a, b, mapping = files
    b.write_text(B.replace(",1\n", ",x\n").replace(",2\n", ",\n").replace(",3\n", ",\n"))

    assert [each["id"] for each in mistakes("evaluate", a, b, "--mapping", mapping, "--truth", "who")] == ["CV614"]


def test_options_that_do_not_go_together_are_refused_all_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "pairs.csv", f"{HEADER}\n{PAIRS}")

    told = mistakes("evaluate", path, "--truth", "who", "--truth-file", path, "--plot", tmp_path / "plot.png")
    assert [each["id"] for each in told] == ["CV615", "CV615", "CV615"]
    assert run("evaluate", path, "--delimiter", '"').exit_code == 2


def test_what_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "pairs.csv", f"{HEADER}\n{PAIRS}")

    monkeypatch.setattr(labelled, "MAX_ROWS", 4)
    assert [(each["id"], each["line"]) for each in mistakes("evaluate", path)] == [("CV611", 6)]
    monkeypatch.setattr(labelled, "MAX_BYTES", 100)
    assert [(each["id"], each["message"]) for each in mistakes("evaluate", path)] == [("CV611", "is larger than 200 MB.")]


# The page


def test_the_page_about_tuning_works_word_by_word(tmp_path: Path) -> None:
    Reader(tmp_path).follow(blocks(DOCS / "how-to" / "tune-matching.md"))


def test_the_program_of_the_page_has_its_answer(tmp_path: Path) -> None:
    program = next(block.text for block in blocks(DOCS / "how-to" / "tune-matching.md") if block.language == "python")

    reader = Reader(tmp_path)
    done = subprocess.run([sys.executable, "-c", program], env=reader.environment, capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.startswith("[")


def test_a_file_without_a_header_row_shows_nothing_of_the_child_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("1,Aisha,Ahmed,2009-05-08,ZZ1 1AB\n", "1;Aisha;Ahmed;2009-05-08;ZZ1 1AB\n"):
        (tmp_path / "pairs.csv").write_text(text, "utf-8")
        with pytest.raises(SystemExit) as left:
            main(["match", "evaluate", str(tmp_path / "pairs.csv")])
        told = capsys.readouterr()

        assert left.value.code == 2
        assert "CV612" in told.out + told.err
        assert not [value for value in ("Aisha", "Ahmed", "2009", "ZZ1") if value in told.out + told.err]

"""The commands for agreements, from the first draft to the last suspension. None needs a running portal; signing needs a partner's key."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import click
import msgspec

from connectors.errors import ConfigurationError
from connectors.standard import load_standard
from portal.agreements import Agreement, Agreements, Vocabulary, as_day, read_agreement, show, sign_off
from portal.agreements import check as check_agreements
from portal.agreements.compare import compare, told
from portal.agreements.keyfile import written
from portal.agreements.publication import Published, published
from portal.agreements.suspending import lift, own_standing, suspend
from portal.agreements.suspension import Suspension, in_words
from portal.agreements.suspensions import read_suspensions, standing, suspension_file
from portal.agreements.templates import filled, places, templates
from portal.cli import matrix, running
from portal.cli.frame import careful, fail, folder_argument, json_option, print_json
from portal.cli.keys import private_key
from portal.cli.texts import mistake, no_such, read_anywhere, replace, rewritten, texts
from portal.federation import Federation


def _agreement_id(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """An agreement's id, in capitals; nothing that could lead to another folder."""
    if value is not None and not all(part.isascii() and part.isalnum() for part in value.split("-")):
        raise click.BadParameter("an id is letters, digits and hyphens, such as ISA-07")
    return value.upper() if value else None


_id = click.argument("agreement_id", metavar="ID", callback=_agreement_id)
_any_id = click.argument("agreement_id", metavar="ID", required=False, callback=_agreement_id)
_partner = click.option("--partner", required=True, help="The agency that you act for.")
_key = click.option("--key", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file of its private key.")
_key_id = click.option("--key-id", help="What the key is called in federation.toml (default: found by the key).")
_DAY = click.DateTime(["%Y-%m-%d"])
_text = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


@click.group()
def agreement() -> None:
    """Agreements: write them, check them, sign them, stop them."""


@agreement.command("new")
@folder_argument
@_id
@click.option("--template", required=True, help="What to begin with; an unknown name lists those there are.")
@click.option("--title", required=True, help="What the register will call it.")
@click.option("--partner", "partners", multiple=True, required=True, help="An agency; repeat it. The first shows, the others see.")
@click.option("--role", "roles", multiple=True, help="A role that sees; may be repeated.")
@click.option("--coordinator", help="Who looks after the agreement.")
@click.option("--starts", type=_DAY, metavar="DATE", help="The first day, YYYY-MM-DD.")
@click.option("--review-by", type=_DAY, metavar="DATE", help="The day by which the partners look at it again.")
@json_option
@careful
def agreement_new(
    folder: Path, agreement_id: str, template: str, starts: datetime | None, review_by: datetime | None, json: bool, **said: Any
) -> None:
    """Begin an agreement from a template. What is left for its authors to write stands between {{ and }}, and is listed."""
    path = folder / "agreements" / f"{agreement_id.lower()}.md"
    if template not in templates():
        raise ConfigurationError([mistake("CV255", f"there is no template {template!r}.", folder, f"There are {', '.join(templates())}.")])
    said |= {"id": agreement_id, "standard": load_standard().version}
    said |= {"starts": starts.date() if starts else None, "review_by": review_by.date() if review_by else None}
    text = filled(template, **{name: value for name, value in said.items() if value})
    path.parent.mkdir(exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigurationError([mistake("CV252", "is there already.", path, "Choose another id, or edit the file.")]) from None
    left = list(places(text, str(path)))
    if json:
        print_json({"errors": [], "file": str(path), "left": left})
    else:
        click.echo("\n".join((f"{path} is begun. Left to write:", *(f"  line {each.line}: {each.message}" for each in left))))


@agreement.command("fmt")
@folder_argument
@_any_id
@click.option("--check", "only_check", is_flag=True, help="Write nothing; fail if a sentence is not what its block says.")
@json_option
@careful
def agreement_fmt(folder: Path, agreement_id: str | None, only_check: bool, json: bool) -> None:
    """Write the sentence "In short:" below every block, of one agreement or of all. All else stays as it is."""
    changed = rewritten(texts(folder, agreement_id))
    if only_check and changed:
        hint = f"Write them with `childview agreement fmt {folder}`."
        fail([mistake("CV205", "a sentence 'In short:' is not what its block says.", path, hint) for path in changed], json=json, code=1)
    for path, text in changed.items():
        replace(path, text)
    if json:
        print_json({"errors": [], "written": [path.name for path in changed]})
    else:
        click.echo("\n".join(f"{path.name}: sentences written." for path in changed) or "Every sentence says what its block says.")


@agreement.command("check")
@folder_argument
@json_option
@careful
def agreement_check(folder: Path, json: bool) -> None:
    """Report every mistake in the agreements of the federation in FOLDER, and which are in force; fails 30 days before a review is due.

    Tells too what partners have stopped, a review that is due within 60 days, and the age at which the plain text can be read.
    """
    federation, now = running.without_environment(folder), running.now()
    overdue = check_agreements(folder / "agreements", federation.vocabulary, as_day(now))
    if overdue:
        fail(overdue, json=json, code=1)
    if json:
        print_json({"errors": [], "agreements": _register(federation, now)["agreements"]})
        return
    for each in _register(federation, now)["agreements"]:
        click.echo("\n".join(_checked(each, as_day(now))))


@agreement.command("show")
@folder_argument
@_any_id
@click.option("--matrix", "whole", is_flag=True, help="Show who may see which field of which source for what, clause by clause.")
@click.option("--on", "day", type=_DAY, metavar="DATE", help="As of this day, YYYY-MM-DD (default: today).")
@json_option
@careful
def agreement_show(folder: Path, agreement_id: str | None, whole: bool, day: datetime | None, json: bool) -> None:
    """Show what each clause allows, in the words that were signed."""
    federation = running.without_environment(folder)
    now = datetime.combine(day.date(), time(12), UTC) if day else running.now()
    chosen = _chosen(federation.agreements, agreement_id, folder)
    if whole:
        rows = matrix.rows(federation.agreements, now, agreement_id)
        print_json(rows) if json else click.echo(matrix.table(rows))
    elif json:
        known = {each.id for each in chosen}
        print_json([each for each in _register(federation, now)["agreements"] if each.id in known])
    else:
        for each in chosen:
            click.echo(show(each, federation.agreements, now))


@agreement.command("sign")
@folder_argument
@_id
@_partner
@_key
@_key_id
@click.option("--role", required=True, help='As whom you sign, such as "Chief executive".')
@click.option("--at", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), metavar="MOMENT", help="When, with time zone (default: now).")
@json_option
@careful
def agreement_sign(
    folder: Path, agreement_id: str, partner: str, key: Path, key_id: str | None, role: str, at: datetime | None, json: bool
) -> None:
    """Sign an agreement for one partner, as its text stands and as it expands today. Signatures over another text fall away."""
    vocabulary, private = running.names_of(folder), private_key(key)
    path = texts(folder, agreement_id)[0]
    text = read_agreement(path, vocabulary)
    named = key_id or _id_of(written(private), partner, vocabulary)
    done = sign_off(path, vocabulary, partner, named, private, role, at or running.now())
    missing = sorted(set(text.header.partners) - set(done.signed))
    if json:
        told = {"id": text.id, "version": text.version, "hash": text.hash, "signed": done.signed, "fallen": done.fallen, "missing": missing}
        print_json({"errors": [], **told})
        return
    click.echo("\n".join((f"{text.key}, {text.hash}", *(f"§{clause.number} {clause.short}" for clause in text.clauses))))
    click.echo(f"{text.id}: signed by {', '.join(done.signed)}.")
    if done.fallen:
        click.echo(f"Fallen away, because the text or what it gives has changed: {', '.join(done.fallen)}.")
    click.echo(f"Not yet signed by {', '.join(missing)}: nothing is shown under it." if missing else "Every partner has signed.")
    for each in standing(read_suspensions(folder / "agreements", vocabulary)[0]):
        if each.agreement == text.id:
            click.echo(f"Of this version too: {in_words(each)}")


@agreement.command("diff")
@click.argument("file_a", type=_text)
@click.argument("file_b", type=_text)
@click.option("--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True, help="The federation's folder.")
@json_option
@careful
def agreement_diff(file_a: Path, file_b: Path, folder: Path, json: bool) -> None:
    """Say who would gain what and who would lose what if FILE_B stood in the place of FILE_A. Ends with 1 if they differ.

    Either may lie anywhere; - is standard input: git show HEAD~1:agreements/isa-07.md | childview agreement diff - agreements/isa-07.md
    """
    vocabulary = running.names_of(folder)
    found = compare(read_anywhere(file_a, vocabulary), read_anywhere(file_b, vocabulary), vocabulary)
    if json:
        print_json({"errors": [], "same": found.same, **msgspec.structs.asdict(found)})
    else:
        click.echo(told(found))
    sys.exit(0 if found.same else 1)


@agreement.command("suspend")
@folder_argument
@_id
@_partner
@_key
@_key_id
@click.option("--clause", type=click.IntRange(min=1), help="Only this clause.")
@click.option("--source", help="Only what this source shows.")
@click.option("--kind", help="Only this record kind.")
@click.option("--words", required=True, help="Why, in one line. Everybody can read it: name no child.")
@click.option("--lift", "number", type=click.IntRange(min=1), metavar="NUMBER", help="Lift your own suspension of this number instead.")
@json_option
@careful
def agreement_suspend(folder: Path, agreement_id: str, json: bool, **said: Any) -> None:
    """Stop an agreement, or a part of it, at once and alone, for one partner; with --lift, let it go on.

    Nobody else can lift it, and it holds for every later version. A running portal acts on it within a second.
    """
    vocabulary, private = running.names_of(folder), private_key(said["key"])
    part = {name: said[name] for name in ("clause", "source", "kind")}
    if said["number"] and any(part.values()):
        raise click.UsageError("A lift lifts the whole of the suspension it names: leave out --clause, --source and --kind.")
    common = {
        "agreement": agreement_id, "partner": said["partner"], "private_key": private, "words": said["words"], "at": running.now(),
        "key_id": said["key_id"] or _id_of(written(private), said["partner"], vocabulary),
    }  # fmt: skip
    agreements = folder / "agreements"
    there: tuple[int, ...] = ()
    if said["number"]:
        there = own_standing(agreements, vocabulary, agreement=agreement_id, partner=said["partner"])
        done = lift(agreements, vocabulary, number=said["number"], **common)
    else:
        done = suspend(agreements, vocabulary, **part, **common)
    path = suspension_file(agreements, done.agreement)
    if json:
        print_json({"errors": [], "file": str(path), "number": done.number, "lifts": done.lifts})
    elif done.lifts:
        click.echo(f"{done.partner} lifts its suspension {done.lifts} of {done.agreement}: {path}")
    else:
        click.echo(f"{in_words(done)}\nIt is number {done.number}; lift it with --lift {done.number}. Written to {path}")
    if done.lifts and done.lifts not in there:
        click.echo(_lifts_unseen(done, there), err=True)


@agreement.command("register")
@folder_argument
@careful
def agreement_register(folder: Path) -> None:
    """Print the public register of the federation in FOLDER as JSON, as a running portal gives it at /agreements."""
    print_json(_register(running.without_environment(folder), running.now()))


def _register(federation: Federation, now: datetime) -> dict[str, Any]:
    names = {id: agency.name for id, agency in federation.settings.agencies.items()}
    return published(federation.agreements, now, federation.settings.purposes, names)


def _checked(each: Published, today: date) -> Iterable[str]:
    """The lines of the check for one agreement: its state, what is stopped, and a review that comes near."""
    missing = [party.agency for party in each.parties if party.signedAt is None]
    signers = f", not signed by {', '.join(missing)}" if missing else ""
    age = f" (reading age {each.readingAge:.0f})" if each.readingAge is not None else ""
    yield f"{each.id}@{each.version}: {each.state}{signers}{age}"
    yield from (f"  {suspension.sentence}" for suspension in each.suspensions)
    left = (each.reviewBy - today).days
    if each.state != "ended" and left <= 60:
        yield f"  Review it within {left} days: by {each.reviewBy.isoformat()}."


def _lifts_unseen(done: Suspension, there: tuple[int, ...]) -> str:
    """A lift of what the file does not hold may be meant for what a portal remembers, or be a slip."""
    stand = ", ".join(map(str, there)) or "none"
    return (
        f"No suspension {done.lifts} by {done.partner} stands in the file (standing there: {stand}). The lift counts only for "
        f"{done.partner}'s own suspension {done.lifts}, if the portal remembers one; nobody else's is lifted."
    )


def _chosen(agreements: Agreements, agreement_id: str | None, folder: Path) -> list[Agreement]:
    chosen = [each for each in agreements.all if agreement_id in (None, each.id)]
    if not chosen and agreement_id:
        raise no_such([each.id for each in agreements.all], folder)
    return chosen


def _id_of(public: str, partner: str, vocabulary: Vocabulary) -> str:
    """What a partner's key is called; where it is nobody's, signing tells."""
    return next((id for id, key in vocabulary.agencies.get(partner, {}).items() if key == public), "?")

"""Alerts arrive: kept before they leave, sent until they have come, in the file whatever else fails, and never of whom."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import ssl
import stat
import sys
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any, get_args

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import text
from structlog.testing import capture_logs

from connectors.errors import ConfigurationError
from portal.alerts import TABLES, Alert, Alerts
from portal.alerts.channels import open_channels
from portal.alerts.letters import Kind, letter
from portal.alerts.outbox import pause
from portal.federation import Agency, AlertSettings
from portal.storage import Database, StorageUnavailable
from tests.portal.storage_cases import BOTH, database, fresh, starter

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SCHOOL, POLICE, NHS = "hillview-school", "northshire-police", "northshire-nhs"
NAMES = {SCHOOL: "Hillview School", POLICE: "Northshire Police", NHS: "NHS Northshire"}
BROKEN = Alert(
    kind="break-glass", to=POLICE, access="01JD8Z0000000000000000000A", review="ab12", reason="risk-to-life", by_agency=SCHOOL,
    due=date(2026, 11, 25),
)  # fmt: skip
DECLARED = Alert(kind="declared", to=SCHOOL, access="01JD8Z0000000000000000000B", by_agency=SCHOOL)


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at

    def later(self, **by: float) -> None:
        self.at += timedelta(**by)


class Hook:
    """An agency's webhook: what came, and how it answers."""

    def __init__(self) -> None:
        self.came: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answers = 200
        self.waits = 0.0
        self.strayed = 0
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self.waits)
        if request.path == "/elsewhere":
            self.strayed += 1
            return web.Response()
        if self.answers in (302, 307):
            return web.Response(status=self.answers, headers={"Location": "/elsewhere"})
        if self.answers == 200:
            self.came.append(await request.json())
            self.headers.append(dict(request.headers))
        return web.Response(status=self.answers)

    @property
    def ids(self) -> list[str]:
        return [each["id"] for each in self.came]


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    hook = Hook()
    application = web.Application()
    application.router.add_route("*", "/{anything:.*}", hook.take)
    async with TestServer(application) as server:
        hook.url = str(server.make_url("/alerts?key=s3cret"))
        yield hook


class Mailbox:
    """A mail server's handler: the messages it took, and what it says to the next."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.says = "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.says.startswith("250"):
            message = BytesParser(policy=default).parsebytes(envelope.content)
            assert isinstance(message, EmailMessage)
            self.messages.append(message)
            self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        return self.says


@contextlib.asynccontextmanager
async def mail_server(mailbox: Mailbox, tls: ssl.SSLContext | None = None, **more: Any) -> AsyncIterator[int]:
    """A real mail server on loopback; its port."""
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(mailbox, hostname="mail.test", **more), "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for this machine under two of its names; whoever verifies certificates believes it for the length of the test."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.test")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.DNSName("127.1")])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1)).not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(names, critical=False).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (tmp_path / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "key.pem").write_bytes(private)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    return context


def agencies(**officers: str | None) -> dict[str, Agency]:
    reached = {name.replace("_", "-"): officer for name, officer in officers.items()}
    return {id: Agency(name=name, phone="01632 960000", privacy_officer=reached.get(id)) for id, name in NAMES.items()}


def by_mail(port: int, host: str = "127.0.0.1", scheme: str = "smtp") -> AlertSettings:
    return AlertSettings(smtp=f"{scheme}://{host}:{port}", sender="portal@northshire.example")


@pytest.fixture(params=BOTH)
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    async with database(await fresh(request.param, starter(request)), tmp_path, TABLES) as opened:
        yield opened


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Database]:
    """A database where it does not matter which."""
    async with database("sqlite:registry.db", tmp_path, TABLES) as opened:
        yield opened


def alerts(
    database: Database, state: Path, terms: AlertSettings | None = None, clock: Clock | None = None, **officers: str | None
) -> Alerts:
    return Alerts.open(database, terms or AlertSettings(), agencies(**officers), state, clock or Clock())


def lines(state: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (state / "alerts.jsonl").read_text("utf-8").splitlines()]


async def until(true: Any, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


# What a letter says


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_letter_says_what_where_and_until_when_and_never_of_whom(kind: Kind) -> None:
    alert = Alert(
        kind=kind,
        to=POLICE,
        access="01JD8Z",
        agreement="ISA-07 §3",
        review="ab12",
        reason="risk-to-life",
        by_agency=SCHOOL,
        due=date(2026, 3, 31),
    )
    told = letter(alert, "f00d", NOON, NAMES)
    for fact in ("Northshire Police", "01JD8Z", "ISA-07 §3", "ab12", "risk-to-life", "31 March 2026", "names no child"):
        assert fact in told.words
    assert "Hillview School" in letter(alert, "f00d", NOON, NAMES).words or kind in ("review-due", "agreement-refused")
    assert told.subject.isascii()
    assert "\n" not in told.subject


@pytest.mark.parametrize(
    "words",
    [{"reason": "Jo Ash was hit"}, {"reason": "Jo"}, {"to": "Hillview School"}, {"by_agency": "a\nb"}, {"access": "x" * 200},
     {"review": "born 2014-05-03, of Hillview"}, {"agreement": "ISA-07\nBcc: a@b.example"}],
)  # fmt: skip
def test_an_alert_is_no_place_for_sentences(words: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="ids and nothing else") as caught:
        Alert(**({"kind": "declared", "to": SCHOOL} | words))  # type: ignore[arg-type]
    assert next(iter(words.values())) not in str(caught.value)


# The file


async def test_every_alert_is_in_the_file_whoever_can_be_reached(opened: Database, tmp_path: Path) -> None:
    told = alerts(opened, tmp_path)
    await told.add([BROKEN, DECLARED])
    await told.deliver_due()
    await told.deliver_due()
    assert sorted(line["kind"] for line in lines(tmp_path)) == ["break-glass", "declared"]
    broken = next(line for line in lines(tmp_path) if line["kind"] == "break-glass")
    words = {name: broken[name] for name in ("to", "by_agency", "access", "review", "reason", "due")}
    assert words == {
        "to": POLICE, "by_agency": SCHOOL, "access": BROKEN.access, "review": "ab12", "reason": "risk-to-life", "due": "2026-11-25",
    }  # fmt: skip
    assert stat.S_IMODE((tmp_path / "alerts.jsonl").stat().st_mode) == 0o600


async def test_a_line_that_was_cut_short_does_not_spoil_the_next(kept: Database, tmp_path: Path) -> None:
    (tmp_path / "alerts.jsonl").write_text('{"id": "cut sho')
    told = alerts(kept, tmp_path)
    await told.add([BROKEN])
    await told.deliver_due()
    torn, whole = (tmp_path / "alerts.jsonl").read_text().splitlines()
    assert torn == '{"id": "cut sho'
    assert json.loads(whole)["kind"] == "break-glass"


async def test_while_the_file_cannot_be_written_alerts_are_sent_all_the_same_and_written_later(
    kept: Database, tmp_path: Path, hook: Hook
) -> None:
    told = alerts(kept, tmp_path, northshire_police=hook.url)
    (tmp_path / "alerts.jsonl").unlink()
    (tmp_path / "alerts.jsonl").mkdir()
    await told.add([BROKEN])
    with capture_logs() as logged:
        await told.deliver_due()
        await told.deliver_due()
    assert [line["id"] for line in logged if line["log_level"] == "error"] == ["CV862"], "operators are told once"
    assert len(hook.came) == 1
    (tmp_path / "alerts.jsonl").rmdir()
    await told.deliver_due()
    assert [line["id"] for line in lines(tmp_path)] == hook.ids


async def test_without_a_file_alerts_are_sent_and_nothing_is_written(kept: Database, tmp_path: Path, hook: Hook) -> None:
    told = alerts(kept, tmp_path, AlertSettings(file=None), northshire_police=hook.url)
    await told.add([BROKEN])
    await told.deliver_due()
    assert len(hook.came) == 1
    assert not (tmp_path / "alerts.jsonl").exists()


# The webhook


async def test_a_webhook_is_told_once_with_an_id_to_know_it_by(opened: Database, tmp_path: Path, hook: Hook) -> None:
    told = alerts(opened, tmp_path, northshire_police=hook.url)
    await told.add([BROKEN])
    await told.deliver_due()
    await told.deliver_due()
    (came,), (headers,) = hook.came, hook.headers
    assert came == lines(tmp_path)[0]
    assert came["at"] == "2026-11-23T12:00:00Z"
    assert headers["Idempotency-Key"] == came["id"]
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("answers", [302, 307, 400, 404, 429, 500, 503])
async def test_a_webhook_that_says_no_is_asked_again_after_a_growing_pause(
    kept: Database, tmp_path: Path, hook: Hook, answers: int
) -> None:
    clock, hook.answers = Clock(), answers
    told = alerts(kept, tmp_path, clock=clock, northshire_police=hook.url)
    await told.add([BROKEN])
    with capture_logs() as logged:
        for seconds in (5, 10, 20):
            await told.deliver_due()
            await told.deliver_due()
            clock.later(seconds=seconds)
    failed = [line for line in logged if line.get("id") == "CV864"]
    assert [line["tries"] for line in failed] == [1, 2, 3], "once after each pause, and not in between"
    assert "s3cret" not in json.dumps(logged)
    assert hook.strayed == 0, "a letter goes where it was addressed to and nowhere else"
    hook.answers = 200
    await told.deliver_due()
    assert len(hook.came) == 1


def test_the_pause_grows_to_an_hour_and_no_further() -> None:
    assert [pause(tries).total_seconds() for tries in (0, 1, 2, 9, 10, 1000)] == [5, 10, 20, 2560, 3600, 3600]


async def test_one_officer_who_cannot_be_reached_holds_up_no_other(kept: Database, tmp_path: Path, hook: Hook) -> None:
    clock = Clock()
    told = alerts(kept, tmp_path, clock=clock, northshire_police="http://127.0.0.1:9/nobody", hillview_school=hook.url)
    await told.add([BROKEN] * 300 + [DECLARED])
    with capture_logs() as logged:
        await told.deliver_due()
    assert [came["kind"] for came in hook.came] == ["declared"]
    assert len([line for line in logged if line.get("id") == "CV864"]) == 1, "the way there is tried once, not for each letter"


async def test_one_letter_that_is_refused_holds_up_no_other_for_the_same_officer(kept: Database, tmp_path: Path, hook: Hook) -> None:
    clock, hook.answers = Clock(), 400
    told = alerts(kept, tmp_path, clock=clock, northshire_police=hook.url)
    await told.add([BROKEN])
    await told.deliver_due()
    hook.answers = 200
    second = Alert(kind="shown", to=POLICE, by_agency=SCHOOL)
    await told.add([second])
    await told.deliver_due()
    assert [came["kind"] for came in hook.came] == ["shown"], "it waits for nobody"
    clock.later(seconds=5)
    await told.deliver_due()
    assert sorted(came["kind"] for came in hook.came) == ["break-glass", "shown"]


async def test_hundreds_of_letters_all_leave(kept: Database, tmp_path: Path, hook: Hook) -> None:
    told = alerts(kept, tmp_path, northshire_police=hook.url, hillview_school=hook.url)
    await told.add([BROKEN, DECLARED] * 150)
    await told.deliver_due()
    assert len(set(hook.ids)) == len(hook.ids) == len(lines(tmp_path)) == 300


async def test_two_gateways_on_one_outbox_do_not_both_send(opened: Database, tmp_path: Path, hook: Hook) -> None:
    both = [alerts(opened, tmp_path, northshire_police=hook.url) for _ in range(2)]
    await both[0].add([BROKEN] * 10)
    hook.waits = 0.02
    await asyncio.gather(*(each.deliver_due() for each in both))
    assert len(hook.ids) == len(set(hook.ids)) == 10


async def test_what_a_gateway_took_and_did_not_send_is_sent_by_another(kept: Database, tmp_path: Path, hook: Hook) -> None:
    clock, hook.waits = Clock(), 60
    first = alerts(kept, tmp_path, clock=clock, northshire_police=hook.url)
    await first.add([BROKEN])
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(first.deliver_due(), 0.5)
    hook.waits = 0
    second = alerts(kept, tmp_path, clock=clock, northshire_police=hook.url)
    await second.deliver_due()
    assert hook.ids == [], "it is still the first one's"
    clock.later(seconds=61)
    await second.deliver_due()
    assert len(hook.ids) == 1


# Email


async def test_an_officer_is_told_in_plain_words_by_mail(opened: Database, tmp_path: Path) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        told = alerts(opened, tmp_path, by_mail(port), northshire_police="privacy@police.example")
        await told.add([BROKEN])
        await told.deliver_due()
    (message,) = mailbox.messages
    assert mailbox.envelopes == [("portal@northshire.example", ["privacy@police.example"])]
    assert message["Subject"] == "childview: the glass was broken"
    assert message["Message-ID"] == f"<{lines(tmp_path)[0]['id']}@northshire.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "text/plain"
    assert message.get_content().splitlines() == lines(tmp_path)[0]["words"].splitlines()
    assert "Somebody at Hillview School has broken the glass" in message.get_content()


async def test_a_letter_that_a_mail_server_refuses_comes_again_under_the_same_id(kept: Database, tmp_path: Path) -> None:
    clock, mailbox = Clock(), Mailbox()
    async with mail_server(mailbox) as port:
        told = alerts(kept, tmp_path, by_mail(port), clock, northshire_police="privacy@police.example")
        await told.add([BROKEN])
        mailbox.says = "451 later"
        await told.deliver_due()
        clock.later(seconds=5)
        mailbox.says = "250 OK"
        await told.deliver_due()
    assert len(mailbox.messages) == 1
    assert str(mailbox.messages[0]["Message-ID"]).startswith(f"<{lines(tmp_path)[0]['id']}@")


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
async def test_mail_goes_out_over_tls_with_a_user_and_password_from_elsewhere(
    kept: Database, tmp_path: Path, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox, seen = Mailbox(), []

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        seen.append((data.login, data.password))
        return AuthResult(success=True)

    async with mail_server(mailbox, tls, authenticator=authenticate, auth_required=True, auth_require_tls=False) as port:
        monkeypatch.setenv("MAIL", f"smtps://portal:p%40ss@localhost:{port}")
        terms = AlertSettings(smtp="env:MAIL", sender="portal@northshire.example")
        told = alerts(kept, tmp_path, terms, northshire_police="privacy@police.example")
        await told.add([BROKEN])
        await told.deliver_due()
    assert len(mailbox.messages) == 1
    assert seen == [(b"portal", b"p@ss")]


async def test_mail_to_another_machine_starts_tls_or_does_not_leave(kept: Database, tmp_path: Path, tls: ssl.SSLContext) -> None:
    """``127.1`` is this machine, under a name that does not say so."""
    clock, mailbox = Clock(), Mailbox()
    async with mail_server(mailbox) as plain, mail_server(mailbox, tls_context=tls, require_starttls=True) as secure:
        for port, came in ((plain, 0), (secure, 1)):
            told = alerts(kept, tmp_path, by_mail(port, "127.1"), clock, northshire_police="privacy@police.example")
            if not came:
                await told.add([BROKEN])
            await told.deliver_due()
            clock.later(minutes=1)
            assert len(mailbox.messages) == came


async def test_a_mail_server_nobody_can_vouch_for_gets_nothing(
    kept: Database, tmp_path: Path, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    mailbox = Mailbox()
    async with mail_server(mailbox, tls) as port:
        told = alerts(kept, tmp_path, by_mail(port, "localhost", "smtps"), northshire_police="privacy@police.example")
        await told.add([BROKEN])
        with capture_logs() as logged:
            await told.deliver_due()
    assert mailbox.messages == []
    assert [line["id"] for line in logged if line["log_level"] == "warning"] == ["CV864"]


# Nowhere to go


@pytest.mark.parametrize("officer", [None, "privacy@police.example"])
async def test_what_cannot_be_sent_waits_and_operators_are_told_once(
    kept: Database, tmp_path: Path, hook: Hook, officer: str | None
) -> None:
    told = alerts(kept, tmp_path, northshire_police=officer)
    await told.add([BROKEN] * 3)
    with capture_logs() as logged:
        await told.deliver_due()
        await told.add([BROKEN])
        await told.deliver_due()
    assert [(line["id"], line["agency"]) for line in logged] == [("CV865", POLICE)]
    assert len(lines(tmp_path)) == 4, "the file has it all the same"
    later = alerts(kept, tmp_path, northshire_police=hook.url)
    await later.deliver_due()
    assert len(hook.came) == 4, "and it is sent once there is a way"


async def test_what_arrived_long_ago_is_taken_out_and_what_waits_never_is(kept: Database, tmp_path: Path, hook: Hook) -> None:
    clock = Clock()
    told = alerts(kept, tmp_path, clock=clock, northshire_police=hook.url)
    await told.add([BROKEN, DECLARED])
    await told.deliver_due()
    for days, left in ((29, {POLICE, SCHOOL}), (2, {SCHOOL})):
        clock.later(days=days)
        await told.deliver_due()
        async with kept.read() as connection:
            assert set((await connection.execute(text("select to_agency from alerts"))).scalars()) == left
    reached = alerts(kept, tmp_path, AlertSettings(file="again.jsonl"), clock, hillview_school=hook.url, northshire_police=hook.url)
    await reached.deliver_due()
    assert [came["kind"] for came in hook.came] == ["break-glass", "declared"]
    assert [line["kind"] for line in lines(tmp_path)] == ["break-glass", "declared"]


# In the background


async def test_what_is_added_leaves_at_once_and_nobody_who_asks_waits(kept: Database, tmp_path: Path, hook: Hook) -> None:
    hook.waits = 0.3
    told = alerts(kept, tmp_path, northshire_police=hook.url)
    running = asyncio.create_task(told.run())
    try:
        await asyncio.sleep(0.05)
        began = asyncio.get_running_loop().time()
        await told.add([BROKEN])
        assert asyncio.get_running_loop().time() - began < 0.25
        await until(lambda: hook.came, 3)
    finally:
        running.cancel()
    assert [line["id"] for line in lines(tmp_path)] == hook.ids


async def test_an_alert_of_a_transaction_leaves_with_it_or_not_at_all(opened: Database, tmp_path: Path, hook: Hook) -> None:
    told = alerts(opened, tmp_path, northshire_police=hook.url)
    with contextlib.suppress(LookupError):
        async with opened.begin() as connection:
            await told.add([BROKEN], connection)
            raise LookupError
    async with opened.begin() as connection:
        await told.add([BROKEN], connection)
    await told.deliver_due()
    assert len(hook.came) == 1


async def test_a_database_that_is_away_for_a_while_ends_nothing(tmp_path: Path, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.alerts.delivery.EVERY", 0.05)
    async with database("sqlite:registry.db", tmp_path, TABLES) as opened:
        told = alerts(opened, tmp_path, northshire_police=hook.url)
        await told.add([BROKEN])
        async with opened.begin() as connection:
            await connection.exec_driver_sql("alter table alerts rename to away")
        running = asyncio.create_task(told.run())
        try:
            with capture_logs() as logged:
                await asyncio.sleep(0.2)
            assert "CV863" not in [line.get("id") for line in logged], "the database says so itself, and once"
            with pytest.raises(StorageUnavailable):
                await told.add([BROKEN])
            async with opened.begin() as connection:
                await connection.exec_driver_sql("alter table away rename to alerts")
            await until(lambda: hook.came, 5)
            assert not running.done()
        finally:
            running.cancel()


_CHILD = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from portal.alerts import TABLES, Alert, Alerts
from portal.federation import Agency, AlertSettings
from portal.storage import Database

async def main(state, url):
    agencies = {"northshire-police": Agency(name="Police", phone="1", privacy_officer=url)}
    database = await Database.open("sqlite:registry.db", state, TABLES)
    told = Alerts.open(database, AlertSettings(), agencies, state, lambda: datetime.now(UTC))
    running = asyncio.create_task(told.run())
    for number in range(10000):
        await told.add([Alert(kind="declared", to="northshire-police", access=f"A{number}")])
        print(number, flush=True)

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


async def test_nothing_is_lost_when_the_portal_is_killed(tmp_path: Path, hook: Hook) -> None:
    root = Path(__file__).resolve().parents[2]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CHILD, str(tmp_path), hook.url, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)}
    )
    assert child.stdout
    kept = 0
    async with asyncio.timeout(60):
        while kept < 40:
            kept = int(await child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        while line := await child.stdout.readline():
            kept = int(line)
        await child.wait()
    clock = Clock()
    clock.at = datetime.now(UTC) + timedelta(minutes=5)
    async with database("sqlite:registry.db", tmp_path, TABLES) as opened:
        told = alerts(opened, tmp_path, clock=clock, northshire_police=hook.url)
        await told.deliver_due()
        await told.deliver_due()
    expected = {f"A{number}" for number in range(kept + 1)}
    assert expected <= {came["access"] for came in hook.came}
    assert expected <= {line["access"] for line in lines(tmp_path)}
    assert len(hook.came) - len(set(hook.ids)) <= 1, "at most what was under way came twice"


# Settings


@pytest.mark.parametrize(
    ("officer", "reached"),
    [
        (None, None),
        ("privacy@police.example", "Email"),
        ("https://police.example/alerts", "Webhook"),
        ("HTTPS://police.example/alerts", "Webhook"),
        ("http://127.0.0.1:8000/alerts", "Webhook"),
        ("http://[::1]/alerts", "Webhook"),
        ("env:OFFICER", "Email"),
        ("file:officer", "Webhook"),
        ("http://police.example/alerts", "CV860"),
        ("http://127.1/alerts", "CV860"),
        ("https:///alerts", "CV860"),
        ("https://police.example:99999/", "CV860"),
        ("ftp://police.example", "CV860"),
        ("Privacy <privacy@police.example>", "CV860"),
        ("privacy@police.example, other@police.example", "CV860"),
        ("privacy@police.example\nBcc: x@y.example", "CV860"),
        ("somebody", "CV860"),
        ("", "CV860"),
        ("env:NOT_SET", "CV860"),
        ("file:not-there", "CV860"),
    ],
)
def test_where_an_officer_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, officer: str | None, reached: str | None) -> None:
    monkeypatch.setenv("OFFICER", "privacy@police.example")
    (tmp_path / "officer").write_text("https://police.example/alerts?key=s3cret\n")
    try:
        channel = open_channels(by_mail(25), agencies(northshire_police=officer), tmp_path).officers.get(POLICE)
        found = type(channel).__name__ if channel else None
    except ConfigurationError as error:
        (mistake,) = error.mistakes
        found = mistake.id
        assert mistake.message.startswith("agencies.northshire-police.privacy_officer")
        assert not officer or officer.startswith("env:") or officer not in mistake.message
    assert found == reached


@pytest.mark.parametrize(
    ("smtp", "sender", "wrong"),
    [
        (None, None, None),
        ("smtp://mail.example", "portal@northshire.example", None),
        ("smtps://mail.example:465", "portal@northshire.example", None),
        ("env:MAIL", "portal@northshire.example", None),
        ("mail.example:25", "portal@northshire.example", "alerts.smtp"),
        ("https://mail.example", "portal@northshire.example", "alerts.smtp"),
        ("smtp://mail.example/x", "portal@northshire.example", "alerts.smtp"),
        ("smtps://portal:s3cret@mail.example", "portal@northshire.example", "alerts.smtp"),
        ("env:NOT_SET", "portal@northshire.example", "alerts.smtp"),
        ("smtps://mail.example", None, "alerts.sender"),
        ("smtps://mail.example", "portal", "alerts.sender"),
    ],
)
def test_which_mail_servers_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, smtp: str | None, sender: str | None, wrong: str | None
) -> None:
    monkeypatch.setenv("MAIL", "smtps://portal:s3cret@mail.example")
    terms = AlertSettings(smtp=smtp, sender=sender)
    if wrong is None:
        assert open_channels(terms, agencies(), tmp_path).officers == {}
        return
    with pytest.raises(ConfigurationError) as caught:
        open_channels(terms, agencies(), tmp_path)
    (mistake,) = caught.value.mistakes
    assert (mistake.id, mistake.message.split()[0]) == ("CV861", wrong)
    assert "s3cret" not in str(mistake)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_channels(AlertSettings(smtp="x"), agencies(northshire_police="x", hillview_school="y"), tmp_path)
    assert sorted(mistake.id for mistake in caught.value.mistakes) == ["CV860", "CV860", "CV861"]


async def test_a_file_that_cannot_be_written_is_told_when_the_portal_starts(kept: Database, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigurationError) as caught:
        alerts(kept, tmp_path, AlertSettings(file="folder"))
    assert [mistake.id for mistake in caught.value.mistakes] == ["CV862"]

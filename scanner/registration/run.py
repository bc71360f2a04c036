"""The ways to run it: confirm what comes in, print what changed, fetch a new bootstrap file."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from scanner.config.file import FILE_MAX
from scanner.errors import ScanError
from scanner.input.files import open_inputs
from scanner.registration.answer import UNKNOWN, VERDICTS, Refused
from scanner.registration.bootstrap import STALE_DAYS, parse
from scanner.registration.confirm import Confirmation
from scanner.registration.damage import mendable
from scanner.registration.dial import Dialer
from scanner.registration.forecast import Rehearsal, forecast
from scanner.registration.forecast import in_words as in_words_of_forecast
from scanner.registration.https import Web
from scanner.registration.settings import Settings, own_bootstrap
from scanner.registration.status import Status
from scanner.registration.store import Run, Store
from scanner.results.newfile import write_whole
from scanner.results.output import input_identity, lock, refuse_an_input
from scanner.results.stream import is_stream, open_stream, stdout_for
from scanner.signals import same_with_resume, stopped_text, typed_name
from scanner.status.console import Console, is_terminal
from scanner.status.summary import listed
from scanner.text import hidden
from scanner.transports.tls import verifying_context

IANA = "https://data.iana.org/rdap/dns.json"
WITHOUT_STORE = "with --store FILE, --resume goes on where a run was stopped"
BOOTSTRAP_MAX = FILE_MAX  # octets: what is kept can be read again


def confirm(settings: Settings, files: Sequence[str], names: Sequence[str], *, store: str | None, output: str | None,
            force: bool, resume: bool, also_errors: bool, stats: str, quiet: bool) -> int:  # fmt: skip
    """Input lines to output lines; returns the exit code. Raises ScanError."""
    console = Console()
    for warning in warnings(settings):
        console.warn(warning)
    sources = open_inputs(files, names)
    kept = Store(Path(store) if store else None, settings.ages_s)
    begun = monotonic()
    with closing(kept), mendable(store):
        descriptor = open_output(kept, sources, output, force=force, resume=resume)
        confirmation = Confirmation(settings, kept, sources, descriptor, also_errors=also_errors,
                                    aside=console.aside_for(descriptor), warn=console.warn)  # fmt: skip
        is_typed = any(map(is_terminal, sources))
        status = Status(confirmation, console, is_drawn=console.is_terminal and not (quiet or is_typed),
                        explains=stats != "json" and not quiet)  # fmt: skip
        code = asyncio.run(confirmation.run(status))
    figures = summary(confirmation, monotonic() - begun)
    if stats == "json":
        console.say(json.dumps(figures))
    elif not quiet:
        console.say(f"dnsscan: {in_words(figures)}")
        if confirmation.stopped_by:
            how = same_with_resume(forced=force) if store else WITHOUT_STORE
            console.say(f"dnsscan: {stopped_text(typed_name(confirmation.stopped_by), how)}")
    return code


def rehearse(settings: Settings, files: Sequence[str], names: Sequence[str], *, store: str | None, force: bool,
             resume: bool, also_errors: bool, stats: str) -> int:  # fmt: skip
    """How long `confirm` would take; returns the exit code. Raises ScanError."""
    console = Console()
    for warning in warnings(settings):
        console.warn(warning)
    sources = open_inputs(files, names)
    with closing(Rehearsal(Path(store) if store else None, settings)) as kept, mendable(store):
        run = kept.run()
        if not resume or run is None or run.done:
            refuse_unfinished(kept, run, force=force)
            kept.begin("", "")
        found = forecast(settings, kept, sources, also_errors=also_errors)
    print(json.dumps(found) if stats == "json" else in_words_of_forecast(found))
    return 0


def warnings(settings: Settings) -> list[str]:
    """What the user should know before the first line."""
    days = settings.bootstrap.age_days(datetime.now(UTC))
    old = f"{settings.bootstrap.name} is {days} days old; dnsscan confirm --update-bootstrap fetches a new one"
    return [*settings.warnings, *([old] if days > STALE_DAYS else [])]


def open_output(store: Store, sources: Sequence[int], output: str | None, *, force: bool, resume: bool) -> int:
    """Where lines go, and the store's run gone on with, or a new one begun. Raises ScanError."""
    identity = json.dumps([input_identity(source) for source in sources])
    stream = stdout_for(sources) if output is None else open_stream(output, sources) if is_stream(output) else None
    path = os.path.abspath(output) if output is not None and stream is None else ""
    if path:
        refuse_an_input(path, sources)
    run = store.run()
    is_there = path != "" and os.path.exists(path) and os.path.getsize(path) > 0
    if resume and run is not None and (not run.done or (is_there and run.output == path)):
        check(run, identity, path)
        return continued(path, run.octets) if stream is None else stream
    refuse_unfinished(store, run, force=force)
    descriptor = created(path, force=force, resume=resume) if stream is None else stream
    store.begin(identity, path)
    return descriptor


def refuse_unfinished(store: Store, run: Run | None, *, force: bool) -> None:
    """A run is not dropped unasked. Raises ScanError."""
    if run is not None and not run.done and not force:
        raise ScanError(
            f"the store holds a run with {store.waiting():,} lines to answer: --resume goes on, --force drops it"
        )


def check(run: Run, identity: str, path: str) -> None:
    """A run goes on with its own input and output. Raises ScanError."""
    if run.output != path:
        raise ScanError(
            f"--resume: the run was begun with {f'--output {hidden(run.output)}' if run.output else 'stdout'}"
        )
    if run.input != identity:
        raise ScanError("--resume: the input does not match: the run was begun with another (its size or head differs)")


def created(path: str, *, force: bool, resume: bool) -> int:
    """A new file, mode 0600, locked; with `resume` it may be there, empty: its run was killed as it began. Raises
    ScanError."""
    name = hidden(path)
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | (0 if force or resume else os.O_EXCL)
        descriptor = os.open(path, flags, 0o600)
        lock(descriptor, path)
        if resume and os.fstat(descriptor).st_size:
            raise ScanError(f"--resume: the store knows of no run that wrote {name}; --force overwrites it")
        os.ftruncate(descriptor, 0)
    except FileExistsError:
        raise ScanError(f"--output {name} exists; use --resume to go on, or --force to overwrite it") from None
    except OSError as error:
        raise ScanError(f"--output {name}: {os.strerror(error.errno or 0)}") from None
    return descriptor


def continued(path: str, octets: int) -> int:
    """The file of the run, cut to what was booked. Raises ScanError."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        lock(descriptor, path)
        if os.fstat(descriptor).st_size < octets:
            raise ScanError(
                f"--resume: {hidden(path)} is shorter than the store says; it was changed, or lost in a power cut"
            )
        os.ftruncate(descriptor, octets)
        os.lseek(descriptor, 0, os.SEEK_END)
    except OSError as error:
        raise ScanError(f"--output {hidden(path)}: {os.strerror(error.errno or 0)}") from None
    return descriptor


def summary(confirmation: Confirmation, seconds: float) -> dict[str, Any]:
    """The books as data."""
    books = confirmation.books
    return {"read": books.read, "left": books.left, "written": books.written, "blank": books.blank,
            "skipped": books.skipped, "waiting": books.waiting, "cached": books.cached, "requests": confirmation.asked,
            "verdicts": dict(books.verdicts), "reasons": dict(books.reasons), "seconds": round(seconds, 3)}  # fmt: skip


def in_words(figures: dict[str, Any]) -> str:
    """The books as one line."""
    verdicts, reasons = figures["verdicts"], listed(figures["reasons"])
    counts = ", ".join(f"{verdict} {verdicts[verdict]:,}{reasons if verdict == UNKNOWN else ''}"
                       for verdict in VERDICTS if verdict in verdicts) or "nothing"  # fmt: skip
    before = f" + left before {figures['left']:,}" if figures["left"] else ""
    later = "".join(f" + {word} {figures[key]:,}" for key, word in
                    (("skipped", "answered or left before"), ("waiting", "waiting")) if figures[key])  # fmt: skip
    return (f"read {figures['read']:,}{before} = written {figures['written']:,} + blank {figures['blank']:,}{later}; "
            f"{counts}; {figures['requests']:,} requests, "
            f"{figures['cached']:,} known already; {figures['seconds']:.1f} s")  # fmt: skip


def changes(path: Path, since: float) -> int:
    """What changed, one JSON line each; returns the exit code. Raises ScanError."""
    if not path.exists():
        raise ScanError(f"--store {hidden(str(path))}: no such file")
    with closing(Store(path, {})) as store, mendable(str(path)):
        for change in store.changes(since):
            sys.stdout.write(json.dumps(change, separators=(",", ":")) + "\n")
    sys.stdout.flush()
    return 0


def update_bootstrap(settings: Settings, url: str) -> int:
    """Fetch a file of RFC 9224 into the user's cache, whole or not at all; returns the exit code. Raises ScanError."""
    dialer = Dialer(settings.proxies, settings.nets)
    web = Web(dialer, verifying_context("RDAP (https)", settings.ca_file), settings.timeout_s, BOOTSTRAP_MAX)

    async def fetch() -> bytes:
        try:
            reply = await web.get(url)
        finally:
            await web.close()
        if reply.status != 200:
            raise Refused(f"http{reply.status}")
        return reply.body

    try:
        body = asyncio.run(fetch())
    except Refused as refused:
        raise ScanError(f"--update-bootstrap: {url}: {refused.reason}") from None
    found = parse(url, body)
    path = own_bootstrap(os.environ)
    keep_bootstrap(path, body)
    print(f"{path}: {len(found.bases):,} TLDs, published {found.published:%Y-%m-%d}")
    return 0


def keep_bootstrap(path: Path, body: bytes) -> None:
    """Whole or not at all. Raises ScanError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(str(path), body)
    except OSError as error:
        raise ScanError(f"--update-bootstrap: {hidden(str(path))}: {os.strerror(error.errno or 0)}") from None

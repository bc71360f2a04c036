"""What the report says of the lines, asked in SQL. Nothing is counted outside the engine, and what comes out of it is
small and plain whatever went in: every list and every text has its limit here."""

from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from scanner.model import VERDICTS
from scanner.report.plain import plain
from scanner.report.run_record import NAME_MAX
from scanner.report.timeline import Bucket, Timeline, steps, width_s
from scanner.results.table import REASON

TLDS = 15
ENDPOINTS_MAX = 1000  # that leave the engine, the slowest
COURSES, COURSE_STEPS = 200, 60  # endpoints whose course leaves the engine, and its steps at most
GROUPS = 40  # of verdict and reason, in the table of samples: the closed list has 16, and rcodeN a few
SAMPLES = 20  # names of each
RESPONSES_MIN = 20  # an endpoint with fewer comes after the others: its percentiles mean little
TEXT_MAX = 300  # characters of a name or an answer that leave the engine
ROOT = "(the root)"


@dataclass(frozen=True, slots=True)
class Sample:
    """One line, for people."""

    name: str
    ms: int
    detail: str  # why, or the answers; where neither was recorded, nothing


@dataclass(frozen=True, slots=True)
class Group:
    """Lines of one verdict with one reason ("" for none), and a few of their names."""

    verdict: str
    reason: str
    lines: int
    samples: list[Sample]  # by name


@dataclass(frozen=True, slots=True)
class Times:
    """Round trips of the answered lines: milliseconds by nearest rank, and how many fell into each bin."""

    lines: int
    p50: int
    p90: int
    p99: int
    bins: dict[int, int]  # bin -> lines; bin b holds 10**(b/10) <= ms < 10**((b+1)/10), -1 what took less than 1 ms


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A resolver or proxy, as the responses that came by it show it."""

    name: str  # the resolver, or the index of the proxy
    errors: int  # servfail, refused...: an attempt without a response names no endpoint
    times: Times
    last_s: float | None = None  # from the first line of all to its last; None: no line says when
    early: int | None = None  # p50 in the first third of the scan; None: too few responses, or no line says when
    late: int | None = None  # in the last third
    course: tuple[tuple[int, int, int], ...] = ()  # step, responses, their p50; steps without any are left out


@dataclass(frozen=True, slots=True)
class Tld:
    """Names under one top-level domain, by verdict."""

    name: str
    taken: int
    nxdomain: int
    error: int

    @property
    def lines(self) -> int:
        return self.taken + self.nxdomain + self.error


@dataclass(frozen=True, slots=True)
class Figures:
    """All that is shown of the lines."""

    groups: list[Group]  # most lines first
    group_count: int
    times: Times | None  # None: nothing was answered
    resolvers: list[Endpoint]  # slowest first
    resolver_count: int  # 0: not recorded
    proxies: list[Endpoint]
    proxy_count: int
    tlds: list[Tld]  # most lines first
    tld_count: int
    timeline: Timeline | None  # None: no line says when it was written
    verdicts: dict[str, int]  # lines of each
    names: int  # lines of one type, of which there may be several
    types: list[str]  # where the lines say them


def ask(con: DuckDBPyConnection) -> Figures:
    """Everything, of the view `results`."""
    con.execute(SCANNED)
    con.execute(TIMES)
    con.execute(TLD_COUNTS)
    overall = endpoints(con, "''", None)
    line = timeline(con)
    types = con.execute(TYPES_SQL).fetchall()
    return Figures(
        groups=groups(con),
        group_count=count(con, "SELECT count(DISTINCT (s, e)) FROM scanned"),
        times=overall[0].times if overall else None,
        resolvers=endpoints(con, "ns", line),
        resolver_count=count(con, "SELECT count(DISTINCT ns) FROM times"),
        proxies=endpoints(con, "p", line),
        proxy_count=count(con, "SELECT count(DISTINCT p) FROM times"),
        tlds=[Tld(plain(name) or ROOT, *counts) for name, *counts in con.execute(TLDS_SQL).fetchall()],
        tld_count=count(con, "SELECT count(DISTINCT tld) FROM tlds"),
        timeline=line,
        verdicts={verdict: count(con, f"SELECT count(*) FROM scanned WHERE s = '{verdict}'") for verdict in VERDICTS},
        names=max((lines for _, lines in types), default=0),
        types=[plain(name, 20) for name, _ in types if name],
    )


def groups(con: DuckDBPyConnection) -> list[Group]:
    """Lines by verdict and reason."""
    return [
        Group(verdict, reason, lines, [Sample(plain(d), ms, plain(why or a or "")) for d, ms, why, a in samples])
        for verdict, reason, lines, samples in con.execute(GROUPS_SQL).fetchall()
    ]


def count(con: DuckDBPyConnection, sql: str) -> int:
    (found,) = con.execute(sql).fetchone() or (0,)
    return int(found)


def endpoints(con: DuckDBPyConnection, key: str, line: Timeline | None) -> list[Endpoint]:
    """The slowest endpoints by the column `key` of `times`, with their courses where `line` is known."""
    rows = con.execute(ENDPOINTS_SQL.format(key=key, least=RESPONSES_MIN, most=ENDPOINTS_MAX)).fetchall()
    course = courses(con, key, [str(name) for name, *_ in rows[:COURSES]], line) if line and line.span_s else {}
    begun = line.start if line and line.start else 0.0
    return [
        Endpoint(
            plain(name, NAME_MAX), errors, Times(*times), None if last is None else last - begun, early, late,
            tuple(course.get(str(name), ())),
        )
        for name, errors, last, early, late, *times in rows
    ]  # fmt: skip


def courses(
    con: DuckDBPyConnection, key: str, names: list[str], line: Timeline
) -> dict[str, list[tuple[int, int, int]]]:
    """By endpoint, its responses step by step."""
    width = course_width_s(line)
    found: dict[str, list[tuple[int, int, int]]] = {}
    given = [line.start, width, steps(line.span_s, width) - 1, names]
    for name, *step in con.execute(COURSES_SQL.format(key=key), given).fetchall():
        found.setdefault(name, []).append((step[0], step[1], step[2]))
    return found


def course_width_s(line: Timeline) -> float:
    """How wide a step of a course is."""
    return width_s(line.span_s, COURSE_STEPS)


def timeline(con: DuckDBPyConnection) -> Timeline | None:
    """Lines by verdict in equal steps of time, from key `ts`."""
    first, last = con.execute("SELECT epoch(min(ts)), epoch(max(ts)) FROM scanned").fetchone() or (None, None)
    if first is None:
        return None
    width = width_s(last - first)
    buckets = [Bucket(0, 0, 0)] * steps(last - first, width)
    for place, *counts in con.execute(TIMELINE_SQL, [first, width, len(buckets) - 1]).fetchall():
        buckets[place] = Bucket(*counts)
    return Timeline(width, buckets, last - first, first)


BY_VERDICT = ", ".join(f"coalesce(sum(n) FILTER (s = '{verdict}'), 0)::BIGINT" for verdict in VERDICTS)

# What the scan itself says of the lines. `confirm` writes its own reason and round trip over those of the scan, and a
# bare name that it read has no verdict of a scan.
BY_REGISTRY = "c = 'unknown' AND (via IS NOT NULL OR coalesce(e, '') IN ('badline', 'no_domain'))"
SCANNED = f"""
CREATE TEMP VIEW scanned AS
SELECT * REPLACE (CASE WHEN NOT coalesce({BY_REGISTRY}, false) AND regexp_full_match(e, '{REASON}') THEN e END AS e),
    coalesce(via IN ('rdap', 'whois'), false) AS asked FROM results WHERE s IS NOT NULL"""

TYPES_SQL = "SELECT coalesce(t, ''), count(*) FROM scanned GROUP BY ALL ORDER BY ALL LIMIT 20"

# One row for each endpoint, third of the scan, verdict and millisecond: small enough for every question about times,
# and exact. It can go to the disk, which an aggregate that keeps its values (quantile_cont) cannot.
TIMES = """
CREATE TEMP TABLE times AS
SELECT ns, p, s, ms, count(*) AS n, epoch(max(ts)) AS last,
    least(floor(3 * (epoch(ts) - begun) / span), 2)::INTEGER AS third,
    CASE WHEN ms = 0 THEN -1 ELSE floor(10 * log10(ms) + 1e-9)::INTEGER END AS bin
FROM scanned, (SELECT epoch(min(ts)) AS begun, nullif(epoch(max(ts)) - begun, 0) AS span FROM scanned)
WHERE r IS NOT NULL AND NOT asked GROUP BY ALL"""

ENDPOINTS_SQL = """
WITH each AS (
    SELECT {key} AS endpoint, ms, any_value(bin) AS bin, sum(n) AS n, max(last) AS last,
        sum(n) FILTER (s = 'error') AS errors,
        coalesce(sum(n) FILTER (third = 0), 0) AS early, coalesce(sum(n) FILTER (third = 2), 0) AS late
    FROM times WHERE {key} IS NOT NULL GROUP BY ALL),
ranked AS (
    SELECT *, sum(n) OVER upto AS upto, sum(n) OVER (PARTITION BY endpoint) AS total,
        sum(early) OVER upto AS early_upto, sum(early) OVER (PARTITION BY endpoint) AS early_total,
        sum(late) OVER upto AS late_upto, sum(late) OVER (PARTITION BY endpoint) AS late_total
    FROM each WINDOW upto AS (PARTITION BY endpoint ORDER BY ms)),
binned AS (SELECT endpoint, bin, sum(n)::BIGINT AS n FROM each GROUP BY ALL),
bins AS (SELECT endpoint, map(list(bin ORDER BY bin), list(n ORDER BY bin)) AS bins FROM binned GROUP BY endpoint)
SELECT endpoint, coalesce(sum(errors), 0)::BIGINT, max(last),
    min(ms) FILTER (early_total >= {least} AND early_upto >= 0.50 * early_total),
    min(ms) FILTER (late_total >= {least} AND late_upto >= 0.50 * late_total),
    any_value(total)::BIGINT AS lines,
    min(ms) FILTER (upto >= 0.50 * total), min(ms) FILTER (upto >= 0.90 * total),
    min(ms) FILTER (upto >= 0.99 * total) AS p99, any_value(bins)
FROM ranked JOIN bins USING (endpoint) GROUP BY endpoint
ORDER BY lines >= {least} DESC, p99 DESC, endpoint LIMIT {most}"""

COURSES_SQL = """
WITH each AS (
    SELECT {key}::VARCHAR AS endpoint, least(floor((epoch(ts) - $1) / $2)::INTEGER, $3) AS place, ms, count(*) AS n
    FROM scanned WHERE ts IS NOT NULL AND r IS NOT NULL AND NOT asked AND list_contains($4::VARCHAR[], {key}::VARCHAR)
    GROUP BY ALL),
ranked AS (
    SELECT *, sum(n) OVER (PARTITION BY endpoint, place ORDER BY ms) AS upto,
        sum(n) OVER (PARTITION BY endpoint, place) AS total FROM each)
SELECT endpoint, place, any_value(total)::BIGINT, min(ms) FILTER (upto >= 0.50 * total)
FROM ranked GROUP BY endpoint, place ORDER BY endpoint, place"""

# The samples are picked by their place in the file, so that the texts of a few lines are read and not of all; by hash,
# so that they are spread over the file and the same each time.
GROUPS_SQL = f"""
WITH groups AS (
    SELECT s, coalesce(e, '') AS reason, count(*) AS lines, min_by(place, hash(d), {SAMPLES}) AS places
    FROM scanned GROUP BY ALL ORDER BY lines DESC, s, reason LIMIT {GROUPS}),
picked AS (SELECT s, reason, unnest(places) AS place FROM groups),
samples AS (
    SELECT picked.s, reason, row(
        d[:{TEXT_MAX}], ms, why[:{TEXT_MAX}],
        array_to_string(list_transform(a[:8], lambda text: text[:{TEXT_MAX}]), ', ')[:{TEXT_MAX}]
    ) AS sample FROM results JOIN picked USING (place))
SELECT s, reason, any_value(lines) AS lines, list(sample ORDER BY sample)
FROM groups JOIN samples USING (s, reason) GROUP BY ALL ORDER BY lines DESC, s, reason"""

# A line that holds no name has no top-level domain.
TLD_COUNTS = f"""
CREATE TEMP TABLE tlds AS
SELECT lower(regexp_extract(coalesce(q, d), '([^.]*)\\.?$', 1))[:{TEXT_MAX}] AS tld, s, count(*) AS n
FROM scanned WHERE e IS NULL OR e <> 'badname' GROUP BY ALL"""

TLDS_SQL = f"""
SELECT tld, {BY_VERDICT} FROM tlds GROUP BY tld ORDER BY sum(n) DESC, tld LIMIT {TLDS}"""

TIMELINE_SQL = f"""
SELECT least(floor((epoch(ts) - $1) / $2)::INTEGER, $3) AS place, {BY_VERDICT}
FROM (SELECT ts, s, 1 AS n FROM scanned WHERE ts IS NOT NULL) GROUP BY place"""

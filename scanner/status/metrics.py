"""Metrics for Prometheus, served or in a file: read from the counters at each scrape, at no cost for a query.

The only home of prometheus-client, an extra; it is imported when it is asked for.
"""

import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest, make_wsgi_app
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from scanner.errors import ScanError
from scanner.model import REASONS, VERDICTS, place_text
from scanner.status.view import MEANINGS, PATH_COUNTS, Row, View
from scanner.version import __version__

LABELS_MAX = 500  # proxies, or resolvers, with series of their own; those after them are `others` together
OTHERS = "others"
POLL_S = 0.1  # the server looks so often whether it is to end
FAMILIES = {  # and the key of the books
    "lines_read": "read", "lines_blank": "blank", "lines_skipped": "skipped",
    "lines_filtered": "filtered", "unfinished": "unfinished",
    "queries": "queries", "responses": "responses", "strays": "strays",
    "retries": "retried", "requeues": "requeued", "second_passes": "second", "recoveries": "recovered",
    "doubts": "doubted",
    "random_names": "random", "uncompared": "uncompared",
}  # fmt: skip


class Collector:
    """All families. Each sample has `scan` as a label where that is given."""

    def __init__(self, view: View, scan: str | None = None):
        self._view = view
        self._names = () if scan is None else ("scan",)
        self._values = () if scan is None else (scan,)

    def collect(self) -> Iterator[Metric]:
        """Every family with its samples, as they stand now."""
        books = self._view.books()
        for family, key in FAMILIES.items():
            yield self._counter(family, MEANINGS[key], (), [((), books[key])])
        verdicts = [((verdict,), books[verdict]) for verdict in VERDICTS]
        yield self._counter("results", "Names with a verdict, by it.", ("verdict",), verdicts)
        reasons = [((reason,), books["reasons"].get(reason, 0)) for reason in REASONS[1:]]
        yield self._counter("reasons", "Names with a reason, by it.", ("reason",), reasons)
        yield self._gauge("names_in_flight", "Names started and not yet written.", books["in_flight"])
        yield from self._state()
        yield self._round_trips()
        yield from self._rows("proxy", self._view.proxies())
        yield from self._rows("resolver", self._view.resolvers())

    def _state(self) -> Iterator[Metric]:
        view, now = self._view, time.time()
        yield self._gauge("build_info", "Always 1; the label is the version.", 1, version=__version__)
        yield self._gauge("start_time_seconds", "When the scan began.", view.began.timestamp())
        if view.ended is not None:
            yield self._gauge("end_time_seconds", "When the scan ended.", view.ended.timestamp())
        if (answer_s := view.last_answer_s) is not None:
            yield self._gauge("last_answer_time_seconds", "When the last answer came.", now - answer_s)
        if (share := view.share_done) is not None:
            yield self._gauge("done_ratio", "How much of the input is done, from 0 to 1.", share)
        yield self._gauge("output_waits", "1 while the output's reader is behind.", view.output_waits)
        yield self._gauge("tunnels_live", "Tunnels, or direct connections, that are open.", view.live)
        yield self._gauge("tunnels_pausing", "Workers that wait before the next try.", view.pausing)
        yield self._gauge(
            "resolvers_pausing", "udp:// resolvers that wait before the next try.", view.resolvers_pausing
        )

    def _round_trips(self) -> Metric:
        tally = self._view.tally()
        octaves = tally.octaves()
        buckets = [(repr(seconds), count) for seconds, count in octaves[:-1]] + [("+Inf", octaves[-1][1])]
        family = HistogramMetricFamily(
            "dnsscan_round_trip_seconds", "Round trips of all responses.", labels=self._names
        )
        family.add_metric(self._values, buckets, tally.seconds)
        return family

    def _rows(self, kind: str, rows: Sequence[Row]) -> Iterator[Metric]:
        groups = grouped(rows)
        for key in PATH_COUNTS:
            counts = [((name,), sum(getattr(row, key) for row in group)) for name, group in groups.items()]
            yield self._counter(f"{kind}_{key}", MEANINGS[key], (kind,), counts)
        family = GaugeMetricFamily(f"dnsscan_{kind}_window", "Queries in flight that it was found good for.",
                                   labels=(*self._names, kind))  # fmt: skip
        for name, group in groups.items():
            windows = [row.window for row in group if row.window is not None]
            if windows and name != OTHERS:
                family.add_metric((*self._values, name), max(windows))
        yield family
        if states := Counter(row.state for row in rows if row.state):
            family = GaugeMetricFamily(f"dnsscan_{kind}s_in_state", "Resolvers by what their answers are worth.",
                                       labels=(*self._names, "state"))  # fmt: skip
            for state, count in states.items():
                family.add_metric((*self._values, state), count)
            yield family

    def _counter(self, name: str, text: str, labels: tuple[str, ...],
                 samples: Iterable[tuple[tuple[str, ...], float]]) -> Metric:  # fmt: skip
        family = CounterMetricFamily(f"dnsscan_{name}", text, labels=(*self._names, *labels))
        for values, count in samples:
            family.add_metric((*self._values, *values), count)
        return family

    def _gauge(self, name: str, text: str, value: float, **labels: str) -> Metric:
        family = GaugeMetricFamily(f"dnsscan_{name}", text, labels=(*self._names, *labels))
        family.add_metric((*self._values, *labels.values()), value)
        return family


def grouped(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by name: proxies that differ only in their password look alike, and those beyond LABELS_MAX are one."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        name = row.name if row.name in groups or len(groups) < LABELS_MAX else OTHERS
        groups.setdefault(name, []).append(row)
    return groups


def serve(view: View, host: str, port: int) -> Callable[[], None]:
    """Serve the metrics over HTTP in a thread, with those of the process; returns what ends that. Raises ScanError."""
    registry = CollectorRegistry()
    registry.register(Collector(view))
    ProcessCollector(registry=registry)
    try:
        server = Server(host, port)
    except OSError as error:
        trouble = error.strerror or "cannot listen there"
        raise ScanError(f"--metrics {place_text(host, port)}: {trouble}; choose another") from None
    server.set_app(make_wsgi_app(registry))
    thread = threading.Thread(target=server.serve_forever, args=(POLL_S,), name="metrics", daemon=True)
    thread.start()

    def close() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return close


def exposition(view: View, scan: str) -> Callable[[], bytes]:
    """The metrics as text for the node exporter's textfile collector, which makes one page of all files: the label
    `scan` distinguishes several scans."""
    registry = CollectorRegistry()
    registry.register(Collector(view, scan))
    return lambda: generate_latest(registry)


class Server(ThreadingMixIn, WSGIServer):
    """HTTP without a log on stderr. Python's own server looks up its address in the DNS, outside of all tunnels."""

    daemon_threads = True

    def __init__(self, host: str, port: int):
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Request)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # the client has left
            super().handle_error(request, client_address)


class Request(WSGIRequestHandler):
    """One scrape."""

    timeout = 10  # s, for its request

    def log_message(self, format: str, *args: Any) -> None:
        pass

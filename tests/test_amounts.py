"""Times and counts with units: taken where the key has none in its name, and else told as the number to write."""

import json

import pytest
from command import refusal, scan

RESOLVER = "192.0.2.53"
TAKEN = [
    ("max_time", "10m", 600), ("max_time", "90s", 90), ("max_time", "1h30m", 5400), ("max_time", "1d", 86_400),
    ("max_time", "500ms", 0.5), ("max_time", "1.5h", 5400), ("max_time", 30, 30), ("max_time", "30", 30),
    ("canary_every", "2m", 120), ("canary_every", "500ms", 0.5),
    ("fsync", "2s", 2), ("fsync", "2min", 120),
    ("rate", "1k", 1000), ("rate", "1.5k", 1500), ("rate", "1k/s", 1000), ("rate", "2M", 2_000_000), ("rate", 7, 7),
    ("rate", "0", 0), ("rate_per_resolver", "2K", 2000), ("max_queries", "1.25M", 1_250_000),
    ("max_in_flight", "20k", 20_000),
]  # fmt: skip
TOLD = [
    ("timeout_ms", "2s", "write 2000"), ("timeout_ms", "0.5s", "write 500"), ("timeout_ms", "250ms", "write 250"),
    ("deadline_ms", "1m", "write 60000"), ("workers", "1k", "write 1000"), ("retries", "3", "write 3"),
]  # fmt: skip
REFUSED = [
    ("max_time", "5x"), ("max_time", "0s"), ("max_time", "400d"), ("max_time", "m"),
    ("max_time", "-5m"),
    ("max_time", 1.5), ("max_time", True), ("fsync", "2 s"), ("rate", "fast"), ("rate", "1.0005k"), ("rate", "1e3"),
    ("rate", "11M"), ("rate", True), ("rate", 1.5), ("max_queries", "1k/s"), ("timeout_ms", "1h"),
    ("timeout_ms", "2000ns"),
]  # fmt: skip


def configured(tmp_path, key: str, value: object):
    file = tmp_path / "cfg.json"
    file.write_text(json.dumps({"resolver": RESOLVER, key: value}))
    return scan("--config", file, "--output", "/dev/null", "--dry-run")


@pytest.mark.parametrize(("key", "written", "meant"), TAKEN)
def test_a_time_or_a_count_may_have_a_unit_in_a_file_and_as_a_flag(tmp_path, key, written, meant):
    flag = "--" + key.replace("_", "-")
    shown = {"rate": "no limit"}.get(key) if meant == 0 else meant
    for done in (configured(tmp_path, key, written),
                 scan("-r", RESOLVER, "--output", "/dev/null", flag, written, "--dry-run")):  # fmt: skip
        assert json.loads(done.out)[key] == shown, done.err


@pytest.mark.parametrize(("key", "written", "told"), TOLD)
def test_a_key_with_a_unit_tells_the_number_to_write(tmp_path, key, written, told):
    refusal(configured(tmp_path, key, written), f'cfg.json: line 1: {key}: "{written}"', told)


@pytest.mark.parametrize(("key", "written"), REFUSED)
def test_what_is_no_amount_is_refused_and_no_number_is_made_up(tmp_path, key, written):
    shown = written if isinstance(written, str) else json.dumps(written)
    assert "; write" not in refusal(configured(tmp_path, key, written), f"line 1: {key}: ", shown)


@pytest.mark.parametrize(("key", "written", "error"), [
    ("registry_rate", "1.5k", ""), ("registry_rate", "2/s", ""), ("max_wait", "10m", ""), ("max_wait", "1h30m", ""),
    ("timeout_ms", "5s", "write 5000"), ("registry_rate", "1m", "not a number"), ("max_wait", "ages", "not a time"),
])  # fmt: skip
def test_so_it_is_for_confirm(tmp_path, key, written, error):
    (tmp_path / "cfg.json").write_text(json.dumps({"resolver": RESOLVER, "confirm": {key: written}}))
    in_file = scan("confirm", "--config", tmp_path / "cfg.json")
    as_flag = scan("confirm", "--" + key.replace("_", "-"), written)

    for done in (in_file, as_flag):
        assert (done.code, error in done.err) == (2 if error else 0, True), done.err


@pytest.mark.parametrize(("written", "error"), [("90m", ""), ("1h30m", ""), ("0s", ""), ("60000d", "not VERDICT=AGE"),
                                                ("90", "not VERDICT=AGE")])  # fmt: skip
def test_so_is_an_age(written, error):
    done = scan("confirm", "--age", f"free={written}")

    assert (done.code, error in done.err) == (2 if error else 0, True), done.err

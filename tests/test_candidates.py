"""Candidate names in process: the pattern language against itertools, the order against what a permutation must be."""

import itertools
import math
import struct
from collections import Counter
from hashlib import shake_256

import pytest
from debug_build import fewer
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.candidates.blocks import Blocks
from scanner.candidates.order import keys_of, stretch
from scanner.candidates.pattern import parse
from scanner.candidates.space import Row, Space, Texts, space_of
from scanner.errors import ScanError

NAMES_MAX = 3000  # of a pattern that hypothesis makes
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
EDGES = ("-e", "e-", ".e", "e.", "-", "--", "a.b", "a-b", "a-.b")  # words that not every place can have
WORDS = {
    "w.txt": ("able", "x-y", "münchen", "b.c", "-e"),
    "many.txt": (*EDGES[:5], *(f"w{number}" for number in range(24)), *EDGES[5:]),
}


def space(pattern: str) -> Space:
    return space_of(parse(pattern, WORDS.__getitem__))


def names_of(of: Space, seed=None, shard=(1, 1), skip=0, limit=None, block=1 << 16) -> list[str]:
    """What is written: every line of every block."""
    places = stretch(of.size, seed=seed, shard=shard, skip=skip, limit=limit)
    blocks = Blocks(of, first=places.first, step=places.step, count=places.count, keys=places.keys, block=block)
    octets = b"".join(blocks)
    assert octets == b"" or octets.endswith(b"\n")
    return octets.decode().splitlines()


def can_be_a_host(name: str) -> bool:
    return all(label and "-" not in (label[0], label[-1]) for label in name.split("."))


# -- the language, against a naive oracle ----------------------------------------------------------
# A made thing is its text, every text that it stands for in order, and whether it is plain (a word, class or group of
# such): groups of plain things hold each text once.

LETTERS = st.sampled_from("abAZ09_-.")


def classes() -> st.SearchStrategy:
    def made(letters: list[str]):
        letters = [letter for letter in letters if letter != "-"] + ["-"] * ("-" in letters)
        return "[" + "".join(letters) + "]", list(dict.fromkeys(letters)), True

    ranges = st.sampled_from(
        [("[a-c]", list("abc"), True), ("[0-2x-]", list("012x-"), True), ("[-a]", ["-", "a"], True)]
    )
    return st.lists(LETTERS, min_size=1, max_size=4).map(made) | ranges


def words() -> st.SearchStrategy:
    return st.text("abZ-._", min_size=1, max_size=4).map(lambda word: (word, [word], True))


def groups(inner: st.SearchStrategy) -> st.SearchStrategy:
    def made(options):
        texts = [text for _, many, _ in options for text in many]
        plain = all(is_plain for _, _, is_plain in options)
        return (
            "{" + ",".join(text for text, _, _ in options) + "}",
            list(dict.fromkeys(texts)) if plain else texts,
            plain,
        )

    empty = st.just(("", [""], True))
    lists = st.just(("@w.txt", list(WORDS["w.txt"]), True))
    options = st.lists(inner | empty | lists, min_size=1, max_size=3)
    return options.map(made).filter(lambda thing: thing[1] != [""])


def counted(inner: st.SearchStrategy) -> st.SearchStrategy:
    def made(thing, least, more):
        text, many, _ = thing
        most = least + more
        count = f"{{{least}}}" if more == 0 else f"{{{least},{most}}}"
        lengths = range(least, most + 1)
        return text + count, ["".join(row) for n in lengths for row in itertools.product(many, repeat=n)], False

    things = (classes() | groups(inner)).filter(lambda thing: len(thing[1]) <= 12)
    pairs = st.tuples(st.integers(0, 2), st.integers(0, 2)).filter(lambda pair: sum(pair) > 0)
    return st.tuples(things, pairs).map(lambda both: made(both[0], *both[1]))


def rows(inner: st.SearchStrategy) -> st.SearchStrategy:
    def made(things):
        text = "".join(text for text, _, _ in things)
        many = ["".join(row) for row in itertools.product(*(many for _, many, _ in things))]
        return text, many, "[" not in text and "{" not in text

    many = st.lists(inner, min_size=2, max_size=4)
    return many.filter(lambda things: math.prod(len(m) for _, m, _ in things) <= NAMES_MAX).map(made)


def patterns() -> st.SearchStrategy:
    simple = words() | classes()
    return st.recursive(simple, lambda inner: groups(inner) | counted(inner) | rows(inner), max_leaves=8).filter(
        lambda thing: len(thing[1]) <= NAMES_MAX
    )


@settings(max_examples=fewer(300), deadline=None)
@given(patterns())
def test_a_pattern_makes_what_itertools_makes_in_the_same_order_but_for_what_is_no_host(made):
    pattern, everything, _ = made
    expected = [text for text in everything if can_be_a_host(text)]

    if not expected:
        with pytest.raises(ScanError, match="no host name"):
            space(pattern)
        return
    got = space(pattern)

    assert got.size == len(expected)
    assert names_of(got) == expected


few = patterns().filter(lambda thing: len(thing[1]) <= 4)


@settings(max_examples=fewer(20), deadline=None)
@given(few, few, st.integers(0, 2))
def test_what_is_too_much_to_be_multiplied_out_has_its_names_in_the_same_order(one, other, least):
    """Often more than 4,096 names, so that a name is walked to in several steps."""
    many = ["".join(row) for n in range(least, 3) for row in itertools.product(WORDS["many.txt"], repeat=n)]
    everything = ("".join(row) for row in itertools.product(one[1], many, other[1]))
    expected = [text for text in everything if can_be_a_host(text)]
    if not expected:
        return

    got = space(f"{one[0]}{{@many.txt}}{{{least},2}}{other[0]}")

    assert names_of(got) == expected
    assert sorted(names_of(got, "seed")) == sorted(expected)


@settings(max_examples=100, deadline=None)
@given(patterns(), st.text("ab", max_size=3), st.integers(1, 5), st.integers(0, 40), st.none() | st.integers(0, 40))
def test_shuffled_shards_are_the_whole_and_skip_is_what_is_dropped(made, seed, shards, skip, limit):
    pattern, everything, _ = made
    if not any(map(can_be_a_host, everything)):
        return
    got = space(pattern)
    for order in (None, seed):
        whole = names_of(got, order)
        parts = [names_of(got, order, (number, shards)) for number in range(1, shards + 1)]

        assert Counter(whole) == Counter(name for name in everything if can_be_a_host(name))
        assert parts == [whole[number::shards] for number in range(shards)]
        for number, part in enumerate(parts, 1):
            assert names_of(got, order, (number, shards), skip, limit) == part[skip:][:limit]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("[a-c-]{2}.com", "aa.com ab.com ac.com ba.com bb.com bc.com ca.com cb.com cc.com"),
        ("[ab-]{3}", "aaa aab aba abb a-a a-b baa bab bba bbb b-a b-b"),
        ("{a,-b,c-}x", "ax c-x"),
        ("x{a,-b,c-}", "xa x-b"),
        ("a{,.,-}b", "ab a.b a-b"),
        ("{www.,}{a,b}.c", "www.a.c www.b.c a.c b.c"),
        ("{_dmarc,_[0-1]._tcp}.x", "_dmarc.x _0._tcp.x _1._tcp.x"),
        ("{@w.txt,z}.io", "able.io x-y.io münchen.io b.c.io z.io"),
        ("a{@w.txt}", "aable ax-y amünchen ab.c a-e"),
        ("x{1,2}", "x1 x2"),
        ("[a]{1,2}", "a aa"),
        ("[ab]{1}{c,d}", "ac ad bc bd"),
        ("[ab]{c,d}", "ac ad bc bd"),
        ("{[ab]{2}}{0,1}c", "c aac abc bac bbc"),
        ("[aab]", "a b"),
        ("{com,net,com}", "com net"),
        ("{a,[ab]{1}}", "a a b"),  # in two ways
        ("[A-C]", "A B C"),
        ("xn--[a-c]", "xn--a xn--b xn--c"),
    ],
)
def test_patterns_and_their_names(pattern, names):
    assert names_of(space(pattern)) == names.split()


@pytest.mark.parametrize("pattern", ["[ab]{63}.[ab]{63}.[ab]{63}.[ab]{61}", "{a.}{126}b", "[a-]{63}"])
def test_the_longest_labels_and_names_are_made(pattern):
    (name,) = names_of(space(pattern), limit=1)

    assert len(name) in (63, 253)


@pytest.mark.parametrize("seed", [None, "1"])
def test_names_of_the_most_octets_fit_the_blocks(seed):
    """249 characters, nearly all of four octets."""
    labels = Texts(tuple(chr(0x20000 + number) * 60 + letter for number in range(300) for letter in "xyz"))
    row = Row((labels, Texts((".",)), labels, Texts((".",)), labels, Texts((".",)), labels, Texts(("\U00020001" * 2,))))

    got = names_of(space_of(row), seed, limit=500, block=4096)

    assert {len(name) for name in got} == {4 * 61 + 3 + 2}
    assert len(set(got)) == 500


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 300), st.booleans())
def test_blocks_may_end_anywhere(block, shuffled):
    got = space("[a-c]{1,3}{x,yyyyyyyyyyyyyyyyyyyyyyyyyyyyy}.{com,net}")

    assert names_of(got, "seed" if shuffled else None, block=block) == names_of(got, "seed" if shuffled else None)


# -- the order -------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 5_000), st.text(max_size=8))
def test_a_shuffled_order_has_every_name_once_whatever_the_size_and_the_seed(size, seed):
    numbers = [str(number) for number in range(size)]

    shuffled = names_of(space_of(Texts(tuple(numbers))), seed)

    assert sorted(shuffled) == sorted(numbers)


def test_all_orders_of_five_names_come_about_equally_often():
    """12,000 seeds, 120 orders: chi squared has 119 degrees of freedom; over 200 is one case in 200,000. With 8
    rounds instead of 12 it was 570."""
    five = space_of(Texts(tuple("abcde")))

    seen = Counter("".join(names_of(five, str(seed))) for seed in range(12_000))

    assert len(seen) == 120
    assert sum((count - 100) ** 2 / 100 for count in seen.values()) < 200


def test_neighbours_of_a_shuffled_order_are_not_neighbours_of_the_plain_one():
    got = names_of(space("[0-9]{4}"), "1")

    near = sum(abs(int(one) - int(next_one)) < 10 for one, next_one in itertools.pairwise(got))
    assert 10 <= near <= 40  # 19 expected of 9,999


def in_the_order_of(seed: str, place: int, size: int) -> int:
    """The number at a place of the shuffled order, written down once more from its description."""
    octets = shake_256(b"dnsscan names\0" + seed.encode()).digest(96)
    narrow = math.isqrt(size - 1) + 1
    wide = -(-size // narrow)
    while True:
        left, right = divmod(place, narrow)
        for turn, key in enumerate(struct.unpack("<12Q", octets)):
            if turn % 2 == 0:
                left = (left + (splitmix64(right ^ key) * wide >> 64)) % wide
            else:
                right = (right + (splitmix64(left ^ key) * narrow >> 64)) % narrow
        place = left * narrow + right
        if place < size:
            return place


def splitmix64(number: int) -> int:
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    number = (number ^ number >> 27) * 0x94D049BB133111EB % 2**64
    return number ^ number >> 31


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 24), st.text(max_size=8), st.data())
def test_the_order_is_the_one_that_is_described(width, seed, data):
    got = space(f"[0-9a-z]{{{width}}}")
    place = data.draw(st.integers(0, 36**width - 1))

    (name,) = names_of(got, seed, skip=place, limit=1)

    assert int(name, 36) == in_the_order_of(seed, place, 36**width)


GOLDEN = {  # never to change: a run goes on with --skip on another machine, years later
    (None, (1, 1)): "aaaa.com aaab.com aaac.com aaad.com",
    (None, (2, 3)): "aaab.com aaae.com aaah.com aaak.com",
    ("1", (1, 1)): "marc.com uojm.com pxws.com ktzp.com",
    ("1", (2, 3)): "uojm.com dcjw.com qetw.com dtfk.com",
    ("2026-11", (1, 1)): "fqbq.com rchy.com psvd.com jsak.com",
}


@pytest.mark.parametrize(("seed", "shard"), GOLDEN)
def test_the_order_is_the_same_on_every_machine(seed, shard):
    assert names_of(space("[a-z]{4}.com"), seed, shard, limit=4) == GOLDEN[seed, shard].split()


def test_the_keys_of_a_seed_are_the_same_on_every_machine():
    assert keys_of("1")[:2] == (2916217312643994782, 560246348701301157)
    assert keys_of("2026-11")[11] == 14383277056717470160
    assert keys_of("\udcff") != keys_of("\udcfe")  # an argument that is not UTF-8


# -- more names than 2**64 -------------------------------------------------------------------------


def in_base_36(number: int, width: int) -> str:
    return "".join(DIGITS[number // 36**place % 36] for place in reversed(range(width)))


@settings(max_examples=fewer(100), deadline=None)
@given(st.integers(0, 36**24 - 5), st.integers(1, 10**9))
def test_names_beyond_the_2_to_the_64th_have_their_numbers_too(skip, shards):
    got = space("[0-9a-z]{24}")
    places = range(skip, min(skip + 5 * shards, 36**24), shards)

    assert names_of(got, skip=skip, limit=5) == [in_base_36(skip + number, 24) for number in range(5)]
    assert names_of(got, shard=(1, shards), skip=skip // shards, limit=2)[0] == in_base_36(skip // shards * shards, 24)
    assert len(places) >= 1


def test_a_shuffled_order_of_more_than_2_to_the_64_names_has_none_twice():
    got = space("[0-9a-z]{24}")

    first = names_of(got, "7", limit=36_000)

    assert len(set(first)) == 36_000
    assert names_of(got, "7", skip=35_990, limit=10) == first[-10:]
    begins = Counter(name[0] for name in first)
    assert min(begins.values()) > 850  # 1,000 expected of each letter
    assert max(begins.values()) < 1150


def test_a_space_that_cannot_be_numbered_is_counted_and_begun_but_not_shuffled():
    got = space("[0-9a-z]{63}.com")

    assert got.size == 36**63
    assert names_of(got, skip=36**3, limit=1) == ["0" * 59 + "1000.com"]
    for wrong in ({"seed": "1", "skip": 0}, {"seed": None, "skip": 2**127}):
        with pytest.raises(ScanError, match=r"2\^126"):
            stretch(got.size, shard=(1, 1), limit=None, **wrong)


def test_beyond_the_end_there_is_nothing():
    got = space_of(Row((Texts(("a", "b")), Texts(("c",)))))

    assert names_of(got, skip=2) == names_of(got, "s", skip=10**38, shard=(3, 10**9)) == []
    assert names_of(got, shard=(3, 3)) == []
    assert names_of(got, limit=0) == []

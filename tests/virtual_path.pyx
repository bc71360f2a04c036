# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# distutils: language=c++
"""A scan over a path that exists only here, in time that passes only here: `tests/test_pacing.py` builds this and asks it.

The delivery model and the round trips are the product's own (native/pacing, native/round_trips); what the engine does with
them is written here once more, as briefly as possible. The path is a server behind a rate and a queue of datagrams (FIFO),
with a delay, random loss, jitter, names that take long and names that are never answered.
"""

from libc.math cimport cos, exp, log, sqrt
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset
from libcpp.deque cimport deque
from libcpp.pair cimport pair
from libcpp.queue cimport priority_queue
from libcpp.vector cimport vector

from scanner.native.pacing.model cimport Departure, Pacing, begin_pacing, may_repeat, may_send
from scanner.native.pacing.window cimport depart, fail, leave, let_go, prove_loss, respond, see_cure, see_too_late
from scanner.native.round_trips cimport (
    SPARE_FIRST, RoundTrips, again_after, begin_round_trips, late_after, learn_round_trip, may_ask_again, take_token,
    was_cured, was_needless,
)

cdef struct Query:
    int name, older, path
    double sent, ends
    Departure departure
    bint is_over, is_given_up

cdef struct Name:
    int newest              # query, -1 = none
    int attempts, early
    bint is_done
    bint is_dead, is_slow
    double ready            # s: when the server knows a slow name; < 0 = not asked yet
    int arrived, answered   # queries

cdef struct Path:
    Pacing pacing
    RoundTrips trips
    double free_at          # s: when the server has served what it has
    double stands_until     # s: it does nothing before

ctypedef pair[double, int] Event    # minus the time, since the queue gives the greatest; a query

cdef uint64_t state


cdef double chance() noexcept:
    """Between 0 and 1 (xorshift64)."""
    global state
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return (state >> 11) * (1.0 / 9007199254740992.0) + 1e-17


cdef double exponential(double mean) noexcept:
    return -log(chance()) * mean


def scan(*, int names=20_000, double rate=0, int queue=100, double delay_s=0.03, double loss=0, double jitter_s=0,
         double spread_s=0, double slow=0, double dead=0, int paths=1, int seed=1, double timeout_s=2.0, int retries=2,
         double stops_each_s=0, double stops_for_s=0, double server_stops_each_s=0, double server_stops_for_s=0,
         double server_begins_s=0, double loss_from_s=0):
    """Seconds, names that were missed though they are not dead, and queries beyond one a name, in per cent: all but those
    for dead names, and those of them that were needless; the first path's window at the end. `rate` in answers a second,
    0 = any. `stops_...`: this machine does something else now and then. The server answers nothing before
    `server_begins_s`, nothing is lost before `loss_from_s`."""
    global state
    cdef vector[Path] all_paths
    cdef vector[Name] all_names
    cdef vector[Query] queries
    cdef priority_queue[Event] looks, ends, responses
    cdef deque[int] retry, line
    cdef Path new_path
    cdef Name new_name
    cdef Query query
    cdef int at, turn = 0, index, older, fed = 0, done = 0, failed = 0
    cdef int64_t sent = 0, for_dead = 0, needless = 0
    cdef double spare = SPARE_FIRST, now = 0, came, late, again, extra, finish, stop, server_stop
    cdef bint evident
    cdef Path *path
    cdef Name *name
    state = 88172645463325252ULL ^ (<uint64_t>seed * 0x9E3779B97F4A7C15ULL)
    for index in range(20):
        chance()
    memset(&new_path, 0, sizeof(new_path))
    begin_pacing(&new_path.pacing)
    begin_round_trips(&new_path.trips, &spare)
    new_path.stands_until = server_begins_s
    all_paths.resize(paths, new_path)
    memset(&new_name, 0, sizeof(new_name))
    new_name.newest, new_name.ready = -1, -1
    for index in range(names):
        new_name.is_dead = chance() < dead
        new_name.is_slow = not new_name.is_dead and chance() < slow
        all_names.push_back(new_name)
    stop = exponential(stops_each_s) if stops_each_s else 1e18
    server_stop = exponential(server_stops_each_s) if server_stops_each_s else 1e18
    while done + failed < names and now < 300:
        now = max(now + 1e-6, min(now + 0.001, max(now, -responses.top().first) + exponential(5e-5)) if responses.size()
                  else now + 0.001)             # a millisecond, or when something comes
        if now > stop:
            now += exponential(stops_for_s)
            stop = now + exponential(stops_each_s)

        while responses.size() and -responses.top().first <= now:
            at, came = responses.top().second, -responses.top().first
            responses.pop()
            now += 2e-6
            path, name = &all_paths[queries[at].path], &all_names[queries[at].name]
            if queries[at].is_given_up:
                see_too_late(&path.pacing, now)
            if queries[at].is_over:
                continue
            queries[at].is_over = True
            respond(&path.pacing, &queries[at].departure, queries[at].sent, came, now)
            learn_round_trip(&path.trips, came - queries[at].sent)
            if name.is_done:
                continue
            name.is_done = True
            done += 1
            if name.newest != at:
                was_needless(&path.trips)
                see_cure(&path.pacing, False)
            elif queries[at].older >= 0:
                older = queries[at].older
                was_cured(&all_paths[queries[older].path].trips)
                see_cure(&all_paths[queries[older].path].pacing, True)
                while older >= 0:
                    prove_loss(&all_paths[queries[older].path].pacing, &queries[older].departure, queries[older].sent)
                    older = queries[older].older

        while looks.size() and -looks.top().first <= now:
            at = looks.top().second
            looks.pop()
            path, name = &all_paths[queries[at].path], &all_names[queries[at].name]
            if queries[at].is_over or (name.is_done and not queries[at].departure.holds):
                continue
            late = late_after(&path.trips)
            if late == 0 or now < queries[at].sent + 0.999 * late:
                looks.push(Event(-(now + 0.1 if late == 0 else queries[at].sent + late), at))
                continue
            evident = path.pacing.latest > queries[at].sent or (fed >= names and retry.size() == 0)
            if queries[at].departure.holds:
                if not let_go(&path.pacing, &queries[at].departure, evident, late, now):
                    looks.push(Event(-(now + 0.01), at))
                    continue
                if queries[at].departure.is_early and not name.is_done:
                    see_cure(&path.pacing, False)
            if name.is_done or name.newest != at:
                continue
            again = again_after(&path.trips, name.early, path.pacing.cured)
            if now >= queries[at].sent + 0.999 * again:
                if evident and may_ask_again(&path.trips, name.early, path.pacing.cured):
                    take_token(&path.trips)
                    line.push_back(at)
                    continue
                again = now - queries[at].sent + 0.01
            if queries[at].sent + again < queries[at].ends:
                looks.push(Event(-(queries[at].sent + again), at))

        while ends.size() and -ends.top().first <= now:
            at = ends.top().second
            ends.pop()
            if queries[at].is_over:
                continue
            path, name = &all_paths[queries[at].path], &all_names[queries[at].name]
            queries[at].is_over = True
            queries[at].is_given_up = queries[at].older < 0
            leave(&path.pacing, &queries[at].departure, now)
            fail(&path.pacing, &queries[at].departure, queries[at].sent, now)
            if name.is_done or name.newest != at:
                continue
            if name.attempts <= retries:
                name.attempts += 1
                name.newest, name.early = -1, 0
                retry.push_back(queries[at].name)
            else:
                name.is_done = True
                failed += 1

        while True:
            while line.size() and all_names[queries[line.front()].name].is_done:
                line.pop_front()
            if not (line.size() or retry.size() or fed < names):
                break
            path = NULL
            for index in range(paths):
                if may_send(&all_paths[(turn + index) % paths].pacing, now):
                    turn = (turn + index) % paths
                    path = &all_paths[turn]
                    break
            if path is NULL:
                break
            older = -1
            if line.size() and (may_repeat(&path.pacing) or not (retry.size() or fed < names)):
                older = line.front()
                line.pop_front()
                query.name = queries[older].name
                all_names[query.name].early += 1
            elif retry.size():
                query.name = retry.front()
                retry.pop_front()
            elif fed < names:
                query.name = fed
                fed += 1
                all_names[query.name].attempts = 1
            else:
                break
            name = &all_names[query.name]
            now += 2e-6
            query.older, query.path, query.sent, query.is_over, query.is_given_up = older, turn, now, False, False
            query.ends = now + timeout_s if older < 0 else queries[older].ends
            depart(&path.pacing, &query.departure, older < 0 and name.attempts == 1, older >= 0, now)
            turn += 1
            queries.push_back(query)
            at = <int>queries.size() - 1
            name.newest = at
            ends.push(Event(-query.ends, at))
            late = late_after(&path.trips)
            looks.push(Event(-(now + (late if late else 0.1)), at))

            sent += 1
            if name.is_dead:
                for_dead += 1
            if now >= loss_from_s and chance() < loss:
                continue
            if now > server_stop:
                path.stands_until = now + exponential(server_stops_for_s)
                server_stop = path.stands_until + exponential(server_stops_each_s)
            finish = now
            if rate > 0:
                path.free_at = max(path.free_at, max(now, path.stands_until))
                if (path.free_at - max(now, path.stands_until)) * rate > queue:
                    continue
                path.free_at += 1 / rate
                finish = path.free_at
            if name.is_dead:
                continue
            if name.is_slow and name.ready < 0:     # log-normal, median 150 ms, sigma 0.8
                name.ready = finish + 0.15 * exp(0.8 * sqrt(-2 * log(chance())) * cos(6.2831853 * chance()))
            needless += name.answered > 0
            name.answered += 1
            extra = max(0.0, name.ready - finish) + (exponential(jitter_s) if jitter_s else 0) + spread_s * chance()
            responses.push(Event(-(finish + delay_s + extra), at))

    lost = sum(1 for index in range(names) if not all_names[index].is_dead and not all_names[index].answered)
    living = sum(1 for index in range(names) if not all_names[index].is_dead)
    return {"seconds": now, "missing": living - done, "superfluous": 100 * (sent - for_dead - living) / names,
            "needless": 100 * needless / names, "unheard": lost, "window": all_paths[0].pacing.size}

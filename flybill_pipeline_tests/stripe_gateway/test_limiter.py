"""The limiter never lets more through than Stripe allows, hardly less, and gives way when Stripe asks for it."""

import random
import threading
from bisect import bisect_left
from contextlib import ExitStack

import pytest

from flybill_pipeline.stripe_gateway.limiter import KEPT, SLOWEST, Limiter


class Time:
    """A clock that moves when somebody sleeps, up to `late` seconds too far, as on a busy machine."""

    def __init__(self, late: float = 0.0, seed: int = 0) -> None:
        self.now = 1000.0
        self._late = late
        self._chance = random.Random(seed)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds + self._chance.random() * self._late


def limiter(time: Time, endpoint: float = 24, total: float = 96) -> Limiter:
    return Limiter(endpoint, total, clock=time.clock, sleep=time.sleep)


def most_in_a_second(times: list[float]) -> int:
    times = sorted(times)
    return max(bisect_left(times, start + 1) - index for index, start in enumerate(times))


@pytest.mark.parametrize("late", [0, 0.001, 0.01, 0.05, 0.4])
def test_no_second_holds_more_than_25_calls_to_one_endpoint(late: float) -> None:
    time = Time(late)
    paced = limiter(time)
    left = []
    for _ in range(400):
        with paced.call("create_invoice"):
            pass
        left.append(time.now)
    assert most_in_a_second(left) <= 25


def test_a_pause_is_not_made_up_for_by_a_burst() -> None:
    time = Time()
    paced = limiter(time)
    left = []
    for number in range(200):
        if number == 100:
            time.now += 10
        with paced.call("create_invoice"):
            pass
        left.append(time.now)
    assert most_in_a_second(left) <= 25


def test_at_least_95_percent_of_stripes_limit_is_used() -> None:
    time = Time(late=0.01)
    paced = limiter(time)
    begin = time.now
    for _ in range(1000):
        with paced.call("create_invoice"):
            pass
    assert 1000 / (time.now - begin) >= 0.95 * 25


def test_all_endpoints_together_stay_below_the_accounts_limit() -> None:
    time = Time()
    paced = limiter(time, endpoint=24, total=24)
    left = []
    for number in range(300):
        with paced.call(f"endpoint{number % 3}"):
            pass
        left.append(time.now)
    assert most_in_a_second(left) <= 25


def test_endpoints_do_not_wait_for_each_other_below_it() -> None:
    time = Time()
    paced = limiter(time)
    begin = time.now
    for _ in range(100):
        for endpoint in ("create_invoice", "add_lines", "finalize_invoice"):
            with paced.call(endpoint):
                pass
    assert 100 / (time.now - begin) >= 23.5


@pytest.mark.parametrize(
    ("reason", "slowed", "free"),
    [
        ("endpoint-rate", "add_lines", None),
        ("endpoint-concurrency", "add_lines", None),
        ("global-rate", None, "add_lines"),
    ],
)
def test_a_refusal_slows_the_pace_that_stripe_names_and_time_brings_it_back(
    reason: str, slowed: str | None, free: str | None
) -> None:
    time = Time()
    paced = limiter(time)
    with paced.call("add_lines"):
        pass
    full, other = paced.rate(slowed), paced.rate(free)
    paced.slow_down("add_lines", reason)
    assert paced.rate(slowed) == full * KEPT
    assert paced.rate(free) == other
    time.now += 2
    assert full * KEPT < paced.rate(slowed) < full
    time.now += 30
    assert paced.rate(slowed) == full


def test_refusals_that_arrive_together_count_once_and_never_stop_everything() -> None:
    time = Time()
    paced = limiter(time)
    with paced.call("add_lines"):
        pass
    for _ in range(10):
        paced.slow_down("add_lines", "endpoint-rate")
    assert paced.rate("add_lines") == 24 * KEPT
    for _ in range(50):
        time.now += 1
        paced.slow_down("add_lines", "endpoint-rate")
    assert SLOWEST <= paced.rate("add_lines") < 12
    with paced.call("add_lines"):
        pass


def test_threads_share_one_pace() -> None:
    paced = Limiter(200, 200)
    times: list[float] = []
    from time import monotonic

    def call() -> None:
        for _ in range(20):
            with paced.call("create_invoice"):
                pass
            times.append(monotonic())

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(times) == 160
    assert max(times) - min(times) >= 159 / 200 - 0.05


def test_a_pace_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Limiter(0, 10)


class Turns:
    """What processes share: each turn waits a second, and for as many calls ahead of it as are told."""

    def __init__(self, *ahead: tuple[int, int]) -> None:
        self.seconds = 1.0
        self._ahead = [*ahead]
        self.told: list[object] = []

    def take(self, endpoint: str, endpoint_rate: float, account_rate: float) -> "Turns":
        self.told.append((endpoint, endpoint_rate, account_rate))
        return self

    def ahead(self, turn: "Turns") -> tuple[int, int]:
        return self._ahead.pop(0)

    def answered(self, turn: "Turns", arrived: float) -> None:
        self.told.append(arrived)


def test_a_call_leaves_in_its_turn_among_processes_and_when_few_enough_are_ahead() -> None:
    time, turns = Time(), Turns((100, 0), (99, 25), (99, 24))
    paced = Limiter(24, 96, slots=turns, clock=time.clock, sleep=time.sleep)
    began = time.now
    with paced.call("add_lines"):
        assert began + 1.01 < time.now < began + 1.05
        time.now += 0.5
    assert turns.told == [("add_lines", 24, 96), pytest.approx(0.47)]  # it arrived soon after it left


def test_a_refusal_slows_the_turns_too() -> None:
    time, turns = Time(), Turns((0, 0), (0, 0))
    paced = Limiter(24, 96, slots=turns, clock=time.clock, sleep=time.sleep)
    with paced.call("add_lines"):
        pass
    paced.slow_down("add_lines", "endpoint-rate")
    with paced.call("add_lines"):
        pass
    assert turns.told[2] == ("add_lines", pytest.approx(24 * KEPT, rel=0.1), 96)


class Stalling(Time):
    """Calls that take `answer` seconds, but while the way to Stripe is blocked they pile up and arrive together."""

    answer = 0.02

    def __init__(self, blocked: tuple[float, float]) -> None:
        super().__init__()
        self._blocked = (self.now + blocked[0], self.now + blocked[1])
        self._under_way: list[tuple[float, ExitStack]] = []
        self.arrived: list[float] = []

    def send(self, paced: Limiter) -> None:
        call = ExitStack()
        call.enter_context(paced.call("add_lines"))
        begin, end = self._blocked
        arrival = end if begin <= self.now < end else self.now
        self.arrived.append(arrival)
        self._under_way.append((arrival + self.answer, call))

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        for answered, call in list(self._under_way):
            if answered <= self.now:
                self._under_way.remove((answered, call))
                call.close()


@pytest.mark.parametrize("seconds", [0.1, 0.5, 3.0])
def test_calls_that_pile_up_on_the_way_are_not_followed_by_more_than_stripe_allows(seconds: float) -> None:
    time = Stalling(blocked=(5.0, 5.0 + seconds))
    paced = limiter(time)
    for _ in range(400):
        time.send(paced)
    assert most_in_a_second(time.arrived) <= 25


def test_slow_but_steady_answers_cost_no_pace() -> None:
    time = Stalling(blocked=(0.0, 0.0))
    time.answer = 0.4
    paced = limiter(time)
    for _ in range(400):
        time.send(paced)
    assert 399 / (time.arrived[-1] - time.arrived[0]) >= 0.95 * 25

"""Real processes: killed in the middle, and two at once on one database."""

from flybill_pipeline_tests.chaos.kills import ended, kill_until_done, worker
from flybill_pipeline_tests.chaos.months import plant
from flybill_pipeline_tests.chaos.world import World


def test_kill_9_again_and_again_leaves_each_invoice_there_once(world: World) -> None:
    plant(world.engine, 60)
    world.emulator.faults({"seed": 1, "rate": 0.1})
    kills, _gaps = kill_until_done(world, seed=3, calls=40, most_hours=30)
    assert kills >= 2
    assert world.problems() == []


def test_two_processes_at_once_share_the_work_and_do_none_of_it_twice(world: World) -> None:
    plant(world.engine, 60)
    processes = [worker(world), worker(world)]
    done = [ended(process) for process in processes]
    assert [code for code, _ in done] == [0, 0]
    assert sum(int(said) for _, said in done) == 60
    assert sum(world.emulator.report()["requests"].values()) == 4 * 60
    assert world.problems() == []

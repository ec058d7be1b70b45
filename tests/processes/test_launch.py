"""`launch` runs a cell's function on several processes; what goes wrong is told, and the next call works."""

import _thread
import linecache
import os
import signal
import sys
import textwrap
import threading
import time

import pytest
import torch
import torch.distributed as dist

from utils import waiting
from utils.processes import RankFailed, launch, simulate
from utils.processes.launching import end


@pytest.fixture(scope="module", autouse=True)
def processes():
    yield
    end()


@pytest.fixture
def interruptible():
    """As a program begins; a test before may have left another answer to Ctrl + C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def cell(source, name, line=1):
    """A function as a notebook's cell makes it: in `__main__`, its lines known to this process alone."""
    file = f"/tmp/ipykernel_1/{name}.py"
    source = "\n" * (line - 1) + textwrap.dedent(source)
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names = {"__name__": "__main__", "dist": dist, "torch": torch, "time": time, "os": os}
    exec(compile(source, file, "exec"), names)
    return names[name]


hello = cell("def hello(group):\n    return group.rank(), group.size(), os.getpid()", "hello")


def test_results_come_by_rank_and_process_r_is_rank_r_in_every_call():
    first = launch(hello)
    assert [result[:2] for result in first] == [(0, 2), (1, 2)]
    assert os.getpid() not in {process for *_, process in first}
    assert launch(hello) == first
    assert launch(hello, processes=1)[0][2] == first[0][2]
    assert [process for *_, process in launch(hello, processes=3)][:2] == [process for *_, process in first]


def test_ranks_that_are_done_at_once_wait_until_all_are_connected():
    for _ in range(20):
        assert [result[:2] for result in launch(hello)] == [(0, 2), (1, 2)]


def test_the_same_function_is_launched_and_simulated():
    total = cell(
        """
        class Scale:
            by = 3

        def helper(x):
            return x * Scale.by

        def total(x, group):
            x = helper(x + dist.get_rank())
            dist.all_reduce(x, group=group)
            received = torch.empty_like(x)
            sending = dist.isend(x * group.rank(), group=group, group_dst=1 - group.rank())
            dist.irecv(received, group=group, group_src=1 - group.rank()).wait()
            sending.wait()
            return x, received, torch.rand(2)
        """,
        "total",
    )
    x = torch.ones(3, dtype=torch.float64)
    launched, simulated = launch(total, x), simulate(total, x)[0]
    assert x.tolist() == [1.0] * 3
    for one, other in zip(launched, simulated, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert launched[0][0].tolist() == [9.0] * 3 and launched[0][1].tolist() == [9.0] * 3


def test_what_ranks_print_is_shown(capsys):
    launch(hello)
    capsys.readouterr()
    launch(lambda group: print(f"I am {group.rank()}\nand print"))
    assert capsys.readouterr().out == "rank 0: I am 0\nrank 0: and print\nrank 1: I am 1\nrank 1: and print\n"


def test_ranks_show_no_bars(capfd):
    def waits(group):
        return list(waiting.Bar(range(3), "a bar of each rank"))

    assert launch(waits) == [[0, 1, 2]] * 2
    assert "a bar" not in capfd.readouterr().err


def test_an_instance_of_a_cells_class_comes_back_as_one():
    class Mine:
        pass

    assert all(isinstance(each, Mine) for each in launch(lambda given, group: [given, Mine()][group.rank()], Mine()))


IN_THE_MIDDLE = """
    def helper(numbers):
        return numbers["missing"]
    def in_the_middle(group):
        if group.rank() == 1:
            helper({})
        dist.barrier()
"""
OTHERS_ARE_BUSY = """
    def others_are_busy(group):
        if group.rank() == 1:
            raise ValueError("too small")
        time.sleep(60)
"""
NEVER_SENDS = """
    def never_sends(group):
        if group.rank() == 0:
            dist.recv(torch.empty(2), 1)
"""
OTHER_SHAPES = """
    def other_shapes(group):
        dist.all_reduce(torch.ones(3 + group.rank()))
"""
ENDS = """
    def ends(group):
        if group.rank() == 1:
            os._exit(3)
        dist.barrier()
"""
LEAVES = """
    def leaves(group):
        raise SystemExit(2)
"""
CANNOT_BE_SENT = """
    def cannot_be_sent(group):
        return (each for each in range(3))
"""
MORE = "it waited for more than came: rank {} had finished. Do all make the same calls, with the same shapes?"


@pytest.mark.parametrize(
    "source, rank, place, cause",
    [
        (IN_THE_MIDDLE, 1, 'line 3, in helper: return numbers["missing"]', "KeyError: 'missing'"),
        (OTHERS_ARE_BUSY, 1, 'line 4, in others_are_busy: raise ValueError("too small")', "ValueError: too small"),
        (NEVER_SENDS, 0, "line 4, in never_sends: dist.recv(torch.empty(2), 1)", MORE.format(1)),
        (OTHER_SHAPES, 1, "line 3, in other_shapes: dist.all_reduce(torch.ones(3 + group.rank()))", MORE.format(0)),
        (ENDS, 1, "its process ended: EXIT(3)", "It was killed, for memory perhaps, or it ended itself."),
        (LEAVES, 0, "line 3, in leaves: raise SystemExit(2)", "SystemExit: 2"),
        (
            CANNOT_BE_SENT,
            0,
            "line 2, in cannot_be_sent: def ",
            "what it returns cannot be sent to the notebook",
        ),
    ],
)
def test_a_failure_names_rank_place_and_cause_and_the_next_call_works(source, rank, place, cause):
    name = source.split("def ")[-1].split("(")[0]
    with pytest.raises(RankFailed) as raised:
        launch(cell(source, name))
    first, second, third = str(raised.value).splitlines()
    if name in ("leaves", "cannot_be_sent"):  # both ranks do; which is first is chance
        rank = int(first.split()[1])
    assert first == f"rank {rank} failed"
    assert place in second and "utils/" not in second
    assert third.startswith(cause)
    assert max(map(len, (first, second, third))) <= 112
    assert [result[:2] for result in launch(hello)] == [(0, 2), (1, 2)]


EACH_FOR_THE_OTHER = """
    def each_for_the_other(group):
        dist.send(torch.ones(2), 1 - group.rank())
        dist.recv(torch.ones(2), 1 - group.rank())
"""
BUSY = """
    def busy(group):
        while group.rank() == 1:
            pass
"""


@pytest.mark.parametrize(
    "source, places",
    [
        (
            EACH_FOR_THE_OTHER,
            [
                f"rank {r} is at each_for_the_other.py, line 3, in each_for_the_other: "
                "dist.send(torch.ones(2), 1 - group.rank())"
                for r in (0, 1)
            ],
        ),
        (BUSY, ["rank 0 has finished", "rank 1 is at busy.py, line "]),
    ],
)
def test_what_does_not_end_is_ended_and_says_where_it_is(source, places):
    launch(hello)  # the seconds are those of the function
    with pytest.raises(TimeoutError) as raised:
        launch(cell(source, source.split("def ")[-1].split("(")[0]), seconds=0.5)
    first, *lines = str(raised.value).splitlines()
    assert first == "not finished after 0.5 seconds, and ended:"
    assert all(line.startswith(place) for line, place in zip(lines, places, strict=True))
    assert [result[:2] for result in launch(hello)] == [(0, 2), (1, 2)]


def test_an_interrupt_ends_the_processes_and_the_next_call_starts_new_ones(interruptible):
    before = launch(hello)
    threading.Timer(0.3, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        launch(cell("def waits(group):\n    dist.recv(torch.empty(1), 1 - group.rank())", "waits"))
    after = launch(hello)
    assert {process for *_, process in before}.isdisjoint(process for *_, process in after)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_between_calls_an_interrupt_is_ignored_and_a_killed_process_is_replaced():
    before = [process for *_, process in launch(hello)]
    os.kill(before[0], signal.SIGINT)  # as Jupyter sends it, to all processes of a notebook
    os.kill(before[1], signal.SIGKILL)
    after = [process for *_, process in launch(hello)]
    assert after[0] == before[0] and after[1] != before[1]


def test_nothing_leaks_from_call_to_call(tmp_path, monkeypatch):
    def changes(folder, group):
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.set_num_threads(3)
        os.environ["LEAKED"] = "1"
        sys.path.insert(0, "leaked")
        os.chdir(folder)
        dist.isend(torch.ones(1), 1 - group.rank())  # and nobody receives it
        return torch.rand(2)

    def sees(group):
        facts = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads(), os.getcwd()
        received = torch.zeros(1)
        sending = dist.isend(torch.full((1,), 5.0), 1 - group.rank())
        dist.recv(received, 1 - group.rank())
        sending.wait()
        return *facts, "LEAKED" in os.environ, "leaked" in sys.path, received.item(), torch.rand(2).tolist()

    drawn = launch(changes, str(tmp_path))[0]
    fresh = (torch.float32, True, 1, os.getcwd(), False, False, 5.0, drawn.float().tolist())
    one, two = launch(sees)
    assert one[:-1] == two[:-1] == fresh[:-1]
    assert one[-1] == two[-1] == launch(sees)[0][-1]
    monkeypatch.chdir(tmp_path)
    assert launch(sees)[0][3] == os.getcwd()


def test_what_cannot_be_launched_is_refused():
    lock = threading.Lock()
    with pytest.raises(ValueError, match="cannot be sent to other processes: cannot pickle '_thread.lock'"):
        launch(lambda group: lock)
    with pytest.raises(ValueError, match="0 processes cannot run anything"):
        launch(hello, processes=0)

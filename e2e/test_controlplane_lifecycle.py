"""What becomes of a control plane's processes and files, however their owner ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from e2e.controlplane import (
    Options,
    ProcessExitedError,
    StartError,
    launch,
    processes,
    runs,
    start,
    wait_until,
)
from e2e.controlplane.ports import free_ports

pytestmark = pytest.mark.usefixtures("binaries")

ROOT = Path(__file__).parents[1]
API_ONLY = Options(controller_manager=False, scheduler=False, kwok=False)
API_ONLY_FLAGS = ("--no-controller-manager", "--no-scheduler", "--no-kwok")
SECONDS = 60.0


def test_a_component_that_ends_early_is_named_with_its_last_words() -> None:
    options = Options(flags={"kube-apiserver": ("--no-such-flag",)})
    before = set(runs.records())
    with pytest.raises(ProcessExitedError, match="unknown flag: --no-such-flag"):
        start(options)
    assert _mine(set(runs.records()) - before) == set()


def test_a_start_that_takes_too_long_is_given_up_with_what_was_logged() -> None:
    before = set(runs.records())
    with pytest.raises(StartError, match=r"(?s)not within 0.1 s.*-- etcd:"):
        start(replace(API_ONLY, start_seconds=0.1))
    assert _mine(set(runs.records()) - before) == set()


def test_a_port_taken_by_another_process_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        tries: list[list[int]] = []

        def first_a_taken_one(count: int, address: str) -> list[int]:
            chosen = free_ports(count, address)
            tries.append(chosen if tries else [taken, *chosen[1:]])
            return tries[-1]

        monkeypatch.setattr(launch, "free_ports", first_a_taken_one)
        with start(API_ONLY) as cluster:
            assert len(tries) == 2
            assert cluster.server == f"https://127.0.0.1:{tries[1][0]}"


def test_a_killed_owner_leaves_no_process_and_the_next_start_sweeps() -> None:
    with _Owner() as (owner, path):
        record = _ready(owner, path)
        assert all(runs.belongs_to(pid, path) for pid in record.processes.values())
        owner.kill()
        owner.wait()
        wait_until(
            lambda: not any(runs.belongs_to(pid, path) for pid in record.processes.values()),
            "the kernel has ended the processes of the killed owner",
            SECONDS,
        )
        with start(API_ONLY):
            assert not path.exists()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_owner_stops_everything_in_order(ending: signal.Signals) -> None:
    with _Owner() as (owner, path):
        record = _ready(owner, path)
        owner.send_signal(ending)
        assert owner.wait(SECONDS) == 0
        assert not any(runs.belongs_to(pid, path) for pid in record.processes.values())
        assert not path.exists()


def test_a_detached_control_plane_stays_until_it_is_stopped() -> None:
    started = _command("start", "--detach", *API_ONLY_FLAGS)
    run_id = started.split()[-1]
    path = runs.find(run_id)
    record, alive = runs.records()[path]
    try:
        assert alive
        assert f"export KUBECONFIG={record.kubeconfig}" in started
        assert f"{run_id}  ready     {record.server}" in _command("list")
        assert os.getppid() != record.owner_pid
    finally:
        _command("stop", run_id)
    assert not path.exists()
    assert not any(runs.belongs_to(pid, path) for pid in record.processes.values())


def test_a_sweep_ends_leftovers_of_dead_owners_and_no_stranger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHIWARDEN_CACHE", str(tmp_path))
    run_id = runs.new_id()
    path = tmp_path / "runs" / run_id
    script = "import time; time.sleep(300)"
    leftover = subprocess.Popen([sys.executable, "-c", script, f"--data={path}/etcd"])
    # The name of its directory only begins like that of the run.
    stranger = subprocess.Popen([sys.executable, "-c", script, f"--data={path}0/etcd"])
    try:
        run = runs.create(
            run_id,
            runs.Record(
                owner_pid=os.getpid(),
                standing=False,
                processes={"etcd": leftover.pid, "kwok": stranger.pid},
            ),
        )
        wait_until(lambda: runs.belongs_to(leftover.pid, path), "the leftover runs", SECONDS)
        runs.sweep()
        assert path.exists()
        assert leftover.poll() is None
        # What the kernel does when an owner dies.
        run.lock.close()
        runs.sweep()
        assert not path.exists()
        assert leftover.wait(SECONDS) == -signal.SIGKILL
        assert stranger.poll() is None
    finally:
        for process in (leftover, stranger):
            process.kill()
            process.wait()


def test_a_child_outlives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    script = (
        "import signal, time\n"
        "signal.signal(signal.SIGUSR1, lambda *_: print('still here', flush=True))\n"
        "print('up', flush=True)\n"
        "while True: time.sleep(300)\n"
    )
    command = processes.Command("child", (sys.executable, "-c", script), tmp_path / "log")
    started: list[processes.Child] = []
    threads: list[int] = []

    def ask() -> None:
        threads.append(threading.get_native_id())
        started.append(processes.start(command))
        wait_until(lambda: "up" in processes.log_tail(command.log), "the child is up", SECONDS)

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join()
    try:
        # When the kernel has forgotten the thread, it has sent every signal that this causes.
        task = Path(f"/proc/self/task/{threads[0]}")
        wait_until(lambda: not task.exists(), "the thread is gone", SECONDS)
        started[0].process.send_signal(signal.SIGUSR1)
        wait_until(
            lambda: "still here" in processes.log_tail(command.log),
            "the child answers",
            SECONDS,
            started,
        )
    finally:
        processes.stop(started, 1.0)


def _mine(paths: set[Path]) -> set[Path]:
    found = runs.records()
    return {path for path in paths if path in found and found[path][0].owner_pid == os.getpid()}


class _Owner:
    """A process that keeps a control plane up, and the directory of that."""

    def __enter__(self) -> tuple[subprocess.Popen[bytes], Path]:
        run_id = runs.new_id()
        argv = [sys.executable, "-m", "e2e.controlplane", "start", f"--run-id={run_id}"]
        self._process = subprocess.Popen(
            [*argv, *API_ONLY_FLAGS],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            # Of its own, so that no Ctrl-C of the person who tests gets in between.
            start_new_session=True,
        )
        return self._process, runs.runs_dir() / run_id

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def _ready(owner: subprocess.Popen[bytes], path: Path) -> runs.Record:
    def ready() -> runs.Record | None:
        assert owner.poll() is None, "the owner ended before the control plane was ready"
        record, _ = runs.records().get(path, (None, False))
        return record if record and record.ready else None

    return wait_until(ready, "the control plane is ready", SECONDS)


def _command(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "e2e.controlplane", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

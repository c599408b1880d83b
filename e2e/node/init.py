"""Process 1 of a node: prepares what only its own namespaces see, then buries the dead.

Run as a script, in fresh namespaces: `init.py HOSTNAME SYSCTL...`. It says "ready" when everything
is in place, and lasts until it is killed, which ends every process and mount of the node.
"""

import ctypes
import os
import signal
import socket
import sys
from pathlib import Path

MS_BIND = 4096
# What the kubelet demands of the kernel of the whole machine.
KERNEL_TUNABLES = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def main() -> None:
    """Prepare, say so, and wait for orphans for ever."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    hostname, *sysctls = sys.argv[1:]
    socket.sethostname(hostname)
    # Sockets, locks and network namespaces of the node: in the machine's own /run they would stay.
    mount("tmpfs", "/run", "tmpfs")
    # The kubelet reads what it wants to read, and the machine keeps what it has.
    for name, value in KERNEL_TUNABLES.items():
        shown = Path("/run/sysctl") / name
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.write_text(value)
        mount(str(shown), f"/proc/sys/{name}", flags=MS_BIND)
    for name in sysctls:
        Path("/proc/sys", name).write_text("1")
    print("ready", flush=True)
    while True:
        signal.sigwait({signal.SIGCHLD})
        bury()


def bury() -> None:
    """Reap every child that has ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def mount(source: str, target: str, kind: str = "", flags: int = 0) -> None:
    """Mount one thing; exits with the error of the kernel."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), target.encode(), kind.encode(), flags, None) != 0:
        sys.exit(f"mount {target}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()

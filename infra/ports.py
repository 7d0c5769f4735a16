"""Loopback ports: a free one, and who holds a taken one."""

import socket

import psutil

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a loopback port nobody listens on right now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Servers set this too: a port that only lingers in TIME_WAIT is free for them.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def listening_ports(pid: int) -> set[tuple[str, int]]:
    """Return the addresses a process listens on."""
    return {
        (connection.laddr.ip, connection.laddr.port)
        for connection in psutil.Process(pid).net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    }


def who_holds(port: int) -> str:
    """Name the process that listens on a port, as well as the system lets us see it."""
    # One process at a time: reading the whole table at once needs root on macOS.
    for process in psutil.process_iter(["pid", "name"]):
        try:
            if any(held == port for _, held in listening_ports(process.pid)):
                return f"{process.name()} (pid {process.pid})"
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return "another user's process"

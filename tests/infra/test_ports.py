import os
import socket

from infra import ports


def test_a_free_port_can_be_listened_on() -> None:
    port = ports.free_port()

    assert ports.is_free(port)
    with socket.create_server((ports.LOOPBACK, port)):
        assert not ports.is_free(port)


def test_a_port_held_on_all_interfaces_is_not_free() -> None:
    with socket.create_server(("", 0)) as server:
        assert not ports.is_free(server.getsockname()[1])


def test_the_holder_of_a_port_is_named_with_its_process_id() -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as server:
        assert f"(pid {os.getpid()})" in ports.who_holds(server.getsockname()[1])


def test_a_holder_that_cannot_be_seen_is_somebody_elses() -> None:
    assert ports.who_holds(ports.free_port()) == "another user's process"


def test_the_listening_ports_of_a_process_are_known() -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as server:
        assert (ports.LOOPBACK, server.getsockname()[1]) in ports.listening_ports(os.getpid())

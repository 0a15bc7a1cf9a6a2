"""Connections that are open when a server stops end with it: nothing outlives its loop."""

import gc
import socket
import warnings

import pytest

from smdp.server import Server
from smdp.settings import Settings
from tests.hostile import connect

OPEN = {
    "TLS, kept alive": lambda server: connect(server.device_port),
    "HTTP, accepted last": lambda server: socket.create_connection(("127.0.0.1", server.control_port)),
}


@pytest.mark.parametrize("kind", OPEN)
def test_an_open_connection_ends_with_its_server(kind):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with Server(Settings(port=0, control_port=0, log_level="error")) as server:
            client = OPEN[kind](server)
        client.close()
        gc.collect()
    assert [str(one.message) for one in caught if "unclosed" in str(one.message)] == []

"""Calls over HTTP: of ES9+ where HTTP alone matters, of the control API where it refuses."""

import http.client
import ssl
from urllib.parse import urlsplit

import pytest

from smdp.errors import ApiError


def answered(client, timeout=10.0):
    """Call InitiateAuthentication without an eUICC, as far as HTTP goes: the status and the headers of the answer."""
    parts = urlsplit(client.esim_server_url)
    context = ssl.create_default_context(cadata=client.ca_pem())
    context.check_hostname = False
    connection = http.client.HTTPSConnection("127.0.0.1", parts.port, timeout=timeout, context=context)
    try:
        body = '{"euiccChallenge": "AAAA", "euiccInfo1": "AAAA", "smdpAddress": "x"}'
        connection.request("POST", "/gsma/rsp2/es9plus/initiateAuthentication", body, {"Host": parts.netloc})
        response = connection.getresponse()
        response.read()
        return response.status, response.headers
    finally:
        connection.close()


def refused(call, *args, **more):
    """Return the problem that a call of the client is answered with."""
    with pytest.raises(ApiError) as error:
        call(*args, **more)
    return error.value.problem

"""Calls of ES9+ in which HTTP alone matters."""

import http.client
import ssl
from urllib.parse import urlsplit


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

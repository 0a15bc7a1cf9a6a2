"""Why a download fails on the device's side, in one table: the slug, why, and what to do.

What the eUICC refuses has its own sentences, in the check lists of `smdp.rsp.euicc`; what the server refuses comes with
its own. Names in braces are filled in.
"""

from typing import NamedTuple


class Reason(NamedTuple):
    """A sentence that says why and one that says what to do."""

    because: str
    fix: str


_SERVER_BUG = "Look at what the server sent: smdp session list"

REASONS: dict[str, Reason] = {
    # the order
    "busy": Reason("The device is downloading already.", "Try again when that is over."),
    "no-cellular": Reason(
        "The device has no cellular hardware, as an iPad with Wi-Fi only.", "Make a device without --no-cellular."
    ),
    "offline": Reason("The device is offline.", "Bring it online, and try again."),
    "url-malformed": Reason("{url} is no URL with a host.", "Use the carrier's esim_server_url, https://host[:port]."),
    "url-scheme": Reason(
        "The device takes http:// and https:// URLs only, not {url}.", "Write the URL as https://{url}."
    ),
    "activation-code-malformed": Reason("{problem}.", "Copy the profile's activation_code."),
    # the way to the server
    "address-malformed": Reason("{address} is no address of a server.", "Write host or host:port."),
    "server-unreachable": Reason(
        "Nobody answers at {address}: {problem}.", "Start the server, or correct the address and port."
    ),
    "server-timeout": Reason(
        "{address} did not answer within {seconds:g} seconds.", "See whether the server is stuck."
    ),
    "tls-untrusted": Reason(
        "The device does not trust the TLS certificate of {address}: {problem}.",
        "Let the device trust the server's CA: smdp ca. The certificate must name the host.",
    ),
    "tls-failed": Reason(
        "TLS with {address} failed: {problem}.", "Use the server's device port (8443), which speaks TLS 1.2 and 1.3."
    ),
    "http-status": Reason("{address} answered {function} with HTTP {status}.", "ES9+ answers 200, whatever happened."),
    "path-not-exact": Reason(
        "{address} takes {function} at its exact path alone (HTTP 404), and the URL has a path or a slash at its end.",
        "Take them off the URL (eSIMServerURL), or set the carrier's strict_path to false.",
    ),
    "rate-limited": Reason(
        "{address} turned {function} down: too many calls come to it (HTTP 429).",
        "Try again {when}, or let fewer devices come at a time.",
    ),
    "answer-cut": Reason("The answer of {address} to {function} broke off.", "Try again; the server repeats it."),
    "answer-too-large": Reason("The answer of {address} to {function} exceeds {limit} bytes.", _SERVER_BUG),
    "answer-not-json": Reason("{address} answered {function} with something other than a JSON object.", _SERVER_BUG),
    "answer-member-missing": Reason("The answer to {function} lacks {member}.", _SERVER_BUG),
    "answer-member-malformed": Reason("{member} in the answer to {function} is not well formed.", _SERVER_BUG),
    "answer-malformed": Reason("The answer to {function} cannot be read: {problem}.", _SERVER_BUG),
    # what an LPA checks
    "server-address-mismatch": Reason(
        "The server signed the address {got}; the device called {address}.", "Sign the smdpAddress as it was sent."
    ),
    "smdp-oid-mismatch": Reason(
        "The activation code is for server {wanted}, the certificate is {got}'s.", "Correct the OID in the code."
    ),
    "transaction-id-mismatch": Reason("The server signed another transactionId than it answered with.", _SERVER_BUG),
    "ppr-not-allowed": Reason(
        "The eUICC does not allow the profile's policy rules.", "Issue the profile without policy rules (ppr: [])."
    ),
    "metadata-mismatch": Reason(
        "The package carries other metadata than the server announced.", "Freeze the metadata at AuthenticateClient."
    ),
    "package-malformed": Reason("The bound profile package cannot be cut up: {problem}.", _SERVER_BUG),
    # the server's own refusals, which bring a sentence but no fix
    "server-refused": Reason("The server refused.", "Ask the carrier: smdp why {eid}"),
}
"""Everything a device can say of a failure that neither the eUICC nor the server said."""


def explain(reason: str, **words: object) -> Reason:
    """Fill the sentences of a reason."""
    found = REASONS[reason]
    return Reason(found.because.format_map(words), found.fix.format_map(words))

"""The part of the client that is about whole carriers: export, import, reset, snapshots; and about customers' lines."""

from pathlib import Path
from typing import Any

import msgspec

from smdp.client.transport import BULK_SECONDS, Transport
from smdp.client.words import given, join
from smdp.errors import UsageError
from smdp.model import Carrier, Device, Profile, Removed, Snapshot


class Keeping:
    """A carrier and its hosted devices as a whole."""

    carrier: str
    _transport: Transport

    def _path(self, *names: str) -> str:
        return join("/api/v1/carriers", self.carrier, *names)

    def export(self) -> dict[str, Any]:
        """Return all of this carrier as one document: settings, plans, profiles with their secrets, devices."""
        data = self._transport.fetch("GET", self._path("export"), timeout=BULK_SECONDS)
        return self._transport.decode(data, dict[str, Any])

    def import_(self, document: dict[str, Any] | Path, *, replace: bool = False) -> Carrier:
        """Make this carrier what a document says, or the JSON file of this path; all of it or nothing.

        A carrier that holds something is refused, unless it is to be replaced. Raises UsageError for a file that is
        none.
        """
        body = _read(document) if isinstance(document, Path) else document
        query = {"replace": "true" if replace else None}
        path = self._path("import")
        return self._transport.call("POST", path, body, into=Carrier, query=query, timeout=BULK_SECONDS)

    def reset(self) -> Removed:
        """Empty this carrier of profiles, sessions, notifications and hosted devices; say how many there were."""
        return self._transport.call("POST", self._path("reset"), into=Removed)

    # --- snapshots

    def take_snapshot(self, name: str) -> Snapshot:
        """Keep what this carrier and its hosted devices are now, in place of a snapshot of the same name."""
        path = self._path("snapshots", name)
        return self._transport.call("PUT", path, into=Snapshot, timeout=BULK_SECONDS)

    def restore_snapshot(self, name: str) -> Carrier:
        """Make this carrier and its hosted devices what they were; the timeline stays, and goes on."""
        path = self._path("snapshots", name, "restore")
        return self._transport.call("POST", path, into=Carrier, timeout=BULK_SECONDS)

    def snapshots(self) -> list[Snapshot]:
        """Return this carrier's snapshots, the oldest first."""
        return list(self._transport.every(self._path("snapshots"), Snapshot))

    def snapshot(self, name: str) -> Snapshot:
        """Return what is known of one snapshot."""
        return self._transport.call("GET", self._path("snapshots", name), into=Snapshot)

    def delete_snapshot(self, name: str) -> None:
        """Forget a snapshot."""
        self._transport.fetch("DELETE", self._path("snapshots", name))

    # --- customers' lines

    def reissue(self, iccid: str, *, eid: str | None = None) -> Profile:
        """Issue a profile in the place of another one: same plan and number; the old line is terminated.

        It is for the same EID, unless another one is given.
        """
        path = self._path("profiles", iccid, "reissue")
        return self._transport.call("POST", path, given({"eid": eid}), into=Profile)

    def offer(self, iccid: str) -> Profile:
        """Tell a profile's device that it is ready to be installed."""
        return self._transport.call("POST", self._path("profiles", iccid, "offer"), into=Profile)

    def reset_esim(self, eid: str) -> Device:
        """Delete all eSIMs of a device."""
        return self._transport.call("POST", join("/api/v1/devices", eid, "reset-esim"), into=Device)

    def change_device(self, eid: str, **options: Any) -> Device:
        """Change name, os, model, online, supervised, cellular or physical_sim of a device."""
        return self._transport.call("PATCH", join("/api/v1/devices", eid), options, into=Device)

    def raw_session(self, session_id: str) -> dict[str, Any]:
        """Return the messages and notifications of an RSP session as they were, in base64."""
        path = self._path("sessions", session_id)
        return self._transport.call("GET", path, into=dict[str, Any], query={"as": "raw"})


def _read(file: Path) -> Any:
    try:
        return msgspec.json.decode(file.read_bytes())
    except OSError as error:
        raise UsageError(f"Cannot read {file}: {error.strerror or error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{file} is no valid JSON: {error}.") from None

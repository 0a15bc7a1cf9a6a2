"""The part of the client that is about whole carriers: export, import, reset, snapshots; and about customers' lines."""

from pathlib import Path
from typing import Any

import msgspec

from smdp.client.scope import OfCarrier
from smdp.client.steps import BULK_SECONDS, Steps, call, every, tell, verb
from smdp.client.words import given, join
from smdp.errors import UsageError
from smdp.model import Carrier, Device, Profile, Removed, Snapshot


class Keeping(OfCarrier):
    """A carrier and its hosted devices as a whole."""

    @verb
    def export(self) -> Steps[dict[str, Any]]:
        """Return all of this carrier as one document: settings, plans, profiles with their secrets, devices."""
        return call("GET", self._path("export"), into=dict[str, Any], timeout=BULK_SECONDS)

    @verb
    def import_(self, document: dict[str, Any] | Path, *, replace: bool = False) -> Steps[Carrier]:
        """Make this carrier what a document says, or the JSON file of this path; all of it or nothing.

        A carrier that holds something is refused, unless it is to be replaced. Raises UsageError for a file that is
        none.
        """
        body = _read(document) if isinstance(document, Path) else document
        query = {"replace": "true" if replace else None}
        path = self._path("import")
        return call("POST", path, body, into=Carrier, query=query, timeout=BULK_SECONDS)

    @verb
    def reset(self) -> Steps[Removed]:
        """Empty this carrier of profiles, sessions, notifications and hosted devices; say how many there were."""
        return call("POST", self._path("reset"), into=Removed)

    # --- snapshots

    @verb
    def take_snapshot(self, name: str) -> Steps[Snapshot]:
        """Keep what this carrier and its hosted devices are now, in place of a snapshot of the same name."""
        path = self._path("snapshots", name)
        return call("PUT", path, into=Snapshot, timeout=BULK_SECONDS)

    @verb
    def restore_snapshot(self, name: str) -> Steps[Carrier]:
        """Make this carrier and its hosted devices what they were; the timeline stays, and goes on."""
        path = self._path("snapshots", name, "restore")
        return call("POST", path, into=Carrier, timeout=BULK_SECONDS)

    @verb
    def snapshots(self) -> Steps[list[Snapshot]]:
        """Return this carrier's snapshots, the oldest first."""
        return every(self._path("snapshots"), Snapshot)

    @verb
    def snapshot(self, name: str) -> Steps[Snapshot]:
        """Return what is known of one snapshot."""
        return call("GET", self._path("snapshots", name), into=Snapshot)

    @verb
    def delete_snapshot(self, name: str) -> Steps[None]:
        """Forget a snapshot."""
        return tell("DELETE", self._path("snapshots", name))

    # --- customers' lines

    @verb
    def reissue(self, iccid: str, *, eid: str | None = None) -> Steps[Profile]:
        """Issue a profile in the place of another one: same plan and number; the old line is terminated.

        It is for the same EID, unless another one is given.
        """
        path = self._path("profiles", iccid, "reissue")
        return call("POST", path, given({"eid": eid}), into=Profile)

    @verb
    def offer(self, iccid: str) -> Steps[Profile]:
        """Tell a profile's device that it is ready to be installed."""
        return call("POST", self._path("profiles", iccid, "offer"), into=Profile)

    @verb
    def reset_esim(self, eid: str) -> Steps[Device]:
        """Delete all eSIMs of a device."""
        return call("POST", join("/api/v1/devices", eid, "reset-esim"), into=Device)

    @verb
    def change_device(self, /, eid: str, **options: Any) -> Steps[Device]:
        """Change name, os, model, online, supervised, cellular or physical_sim of a device."""
        return call("PATCH", join("/api/v1/devices", eid), options, into=Device)

    @verb
    def raw_session(self, session_id: str) -> Steps[dict[str, Any]]:
        """Return the messages and notifications of an RSP session as they were, in base64."""
        path = self._path("sessions", session_id)
        return call("GET", path, into=dict[str, Any], query={"as": "raw"})


def _read(file: Path) -> Any:
    try:
        return msgspec.json.decode(file.read_bytes())
    except OSError as error:
        raise UsageError(f"Cannot read {file}: {error.strerror or error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{file} is no valid JSON: {error}.") from None

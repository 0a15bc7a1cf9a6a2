"""A device as the control API shows it, from what it remembers."""

from typing import TYPE_CHECKING

from smdp import model
from smdp.device import radio
from smdp.device.apple.restrictions import as_json
from smdp.device.examine import sim_of
from smdp.device.handset import enrollment_of, phone_of
from smdp.rsp.euicc.metadata import read_metadata
from smdp.rsp.euicc.state import InstalledProfile
from smdp.rsp.ids import iccid_of_bytes

if TYPE_CHECKING:
    from smdp.device.device import State


def describe(state: "State") -> model.Device:
    """Show a device."""
    there, configured = esims(state), state.handset.profiles
    return model.Device(
        eid=state.eid,
        udid=state.udid,
        serial=state.serial,
        imei=state.imei,
        os=state.os,
        model=state.model,
        name=state.name,
        supervised=state.supervised,
        cellular=state.cellular,
        physical_sim=state.physical_sim,
        enrollment=enrollment_of(state.handset),
        restrictions=dict(as_json(phone_of(state, there))) if configured else {},
        esims=there,
        notices=list(state.notices),
        online=state.online,
        country=state.country,
        enrollment_kind=state.enrollment_kind,
        carrier=state.carrier,
    )


def esims(state: "State") -> list[model.Esim]:
    """Show its profiles, in the order of their installation."""
    return [_esim(state, profile) for profile in state.euicc.profiles]


def _esim(state: "State", profile: InstalledProfile) -> model.Esim:
    iccid = iccid_of_bytes(profile.iccid)
    sim, line = sim_of(profile.upp), state.lines.get(iccid)
    esim = model.Esim(
        iccid=iccid,
        state="enabled" if profile.enabled else "disabled",
        subscriber_network=read_metadata(profile.metadata).service_provider_name,
        subscriber_mcc=None if sim is None else sim.mcc,
        subscriber_mnc=None if sim is None else sim.mnc,
    )
    if line is not None:
        esim.label, esim.label_id = line.label, radio.label_id(state.eid, iccid)
        esim.rejected = None if line.rejected is None else line.rejected.reason
        if line.admitted is not None:
            esim.network, esim.msisdn = line.admitted.network_name, line.admitted.msisdn
            esim.mcc, esim.mnc = line.admitted.mcc, line.admitted.mnc
    return esim

"""What a profile is made of: its metadata, its package, and what an eUICC must bring for it."""

from functools import lru_cache

import msgspec

from smdp import upp
from smdp.carrier import plans
from smdp.model import Carrier, Credentials, Plan
from smdp.rsp import metadata
from smdp.rsp.bpp import random_keys
from smdp.rsp.crypto import Entropy
from smdp.rsp.server.session import Package, Requirements
from smdp.storage import Row

_CREDENTIALS = msgspec.json.Decoder(Credentials)
_SAMPLE = upp.Subscriber(
    iccid="8900000000000000000",
    imsi="001010000000000",
    msisdn="+15550100000",
    pin1="0000",
    pin2="0000",
    puk1="00000000",
    puk2="00000000",
    adm1="00000000",
    **dict.fromkeys(("ki", "opc", "kic", "kid", "kik"), bytes(16)),
)
"""A subscriber whose package is measured: one package of a plan needs what all of them need."""


def credentials(row: Row) -> Credentials:
    """Read a profile's secrets."""
    return _CREDENTIALS.decode(row["credentials"])


def metadata_of(carrier: Carrier, plan: Plan, iccid: str, address: str) -> bytes:
    """Build the complete BF25 of a profile; notifications go to `address`."""
    kind, icon = plans.icon(plan)
    return metadata.encode(
        metadata.Metadata(
            iccid=iccid,
            service_provider_name=plan.service_provider,
            profile_name=plan.profile_name,
            profile_class=plan.profile_class,
            icon=icon,
            icon_type=kind,
            notification_address=address,
            owner=metadata.Owner(mcc=carrier.mcc, mnc=carrier.mnc),
            ppr=frozenset(plan.ppr),
        )
    )


def package_of(carrier: Carrier, plan: Plan, row: Row, entropy: Entropy) -> Package:
    """Build what gets bound: the package of a profile, and fresh protection keys where the plan wants them."""
    own = own_package(plan, row)
    if own is None:
        data = upp.build(subscriber(row), _content(*_variables(carrier, plan)))
    elif plan.personalise:
        data = upp.personalise(own, subscriber(row))
    else:
        data = own
    return Package(upp=data, ppk=random_keys(entropy) if plan.protection == "ppk" else None)


def own_package(plan: Plan, row: Row) -> bytes | None:
    """Return the user's own package that a profile is made of: given with the order, or with the plan."""
    if row["upp"] is not None:
        return bytes(row["upp"])
    return plans.package_bytes(plan.upp) if plan.upp is not None else None


def requirements_of(carrier: Carrier, plan: Plan, row: Row) -> Requirements:
    """Say what a profile's package needs of an eUICC."""
    own = own_package(plan, row)
    return _measured(own) if own is not None else _built(*_variables(carrier, plan))


@lru_cache(maxsize=64)
def _built(*variables: str) -> Requirements:
    return _measured(upp.build(_SAMPLE, _content(*variables)))


@lru_cache(maxsize=64)
def _measured(data: bytes) -> Requirements:
    package = upp.read(data)
    needed = upp.requirements(package)
    return Requirements(
        profile_version=needed.version, uicc_capabilities=needed.capabilities, memory=upp.nvm_estimate(package)
    )


def subscriber(row: Row) -> upp.Subscriber:
    """Read from a profile's row what goes into its package."""
    secrets = credentials(row)
    return upp.Subscriber(
        iccid=row["iccid"],
        imsi=row["imsi"],
        msisdn=row["msisdn"],
        pin1=secrets.pin1,
        pin2=secrets.pin2,
        puk1=secrets.puk1,
        puk2=secrets.puk2,
        adm1=secrets.adm1,
        ki=_key(secrets, "ki"),
        opc=_key(secrets, "opc"),
        kic=_key(secrets, "kic"),
        kid=_key(secrets, "kid"),
        kik=_key(secrets, "kik"),
    )


def _key(secrets: Credentials, name: str) -> bytes:
    """Read a key. Raises ValueError that names it and does not show it."""
    try:
        return bytes.fromhex(getattr(secrets, name))
    except ValueError:
        raise ValueError(f"{name} must be hexadecimal") from None


def _variables(carrier: Carrier, plan: Plan) -> tuple[str, str, str, str]:
    """Return what differs between the packages of two plans."""
    return carrier.mcc, carrier.mnc, plan.service_provider, plan.profile_name


@lru_cache(maxsize=64)
def _content(mcc: str, mnc: str, service_provider: str, profile_name: str) -> upp.PlanContent:
    return upp.PlanContent(mcc=mcc, mnc=mnc, spn=service_provider, profile_type=profile_name)

"""What a package asks of a card: capabilities, version, memory (SGP.22 annex F, eligibility)."""

from typing import NamedTuple

from smdp.upp.package import Package
from smdp.upp.services import SERVICES

_PER_FILE = 48
_PER_CODE = 32
_PER_KEY = 64
_PER_AKA = 512
_PER_SECURITY_DOMAIN = 2048
_PER_RFM = 512


class Requirements(NamedTuple):
    """The version of the format, and the bits of uiccCapability that must be set."""

    version: tuple[int, int]
    capabilities: frozenset[int]


def requirements(package: Package) -> Requirements:
    """Say what a card must announce: profileVersion not lower than this, and a bit for each service demanded."""
    known = (SERVICES[tag].capability for tag in package.services if tag in SERVICES)
    return Requirements(package.version, frozenset(known))


def nvm_estimate(package: Package) -> int:
    """Estimate the non-volatile memory that an installed package takes, in bytes; a card's own count differs."""
    files = sum(file.size + _PER_FILE for file in package.files.values())
    codes = _PER_CODE * (len(package.pins) + len(package.puks))
    domains = package.security_domains
    keys = _PER_KEY * sum(len(domain.keys) for domain in domains)
    remote = _PER_SECURITY_DOMAIN * len(domains) + _PER_RFM * len(package.rfm)
    code = sum(application.load_block * 6 // 5 + application.nv_limit for application in package.applications)
    return (files + codes + keys + _PER_AKA * len(package.aka) + remote + code) * 5 // 4

"""The openssl command as a judge of what we sign and encrypt; without it tests are left out, but not in CI."""

import os
import shutil
import subprocess

import pytest

PROGRAM = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(PROGRAM is None and not os.environ.get("CI"), reason="needs the openssl command")


def openssl(*arguments, data=b""):
    """Run it, and return what it prints; a failure fails the test with its words."""
    done = subprocess.run([PROGRAM or "openssl", *map(str, arguments)], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout

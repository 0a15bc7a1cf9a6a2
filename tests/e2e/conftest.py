"""What outlives a server: a file, or a PostgreSQL database."""

import pytest


@pytest.fixture(params=["file", "postgres"])
def database(request, tmp_path):
    """Where servers that come one after the other, or stand side by side, keep the same rows."""
    return request.getfixturevalue("postgres").schema() if request.param == "postgres" else tmp_path / "smdp.db"

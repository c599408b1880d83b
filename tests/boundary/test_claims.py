"""Whose a namespace is: every way in which two parties can want one."""

import pytest

from phiwarden.boundary.claims import Claimant, Standing, obstacle

OLDER = Claimant("2026-01-01T00:00:00Z", "older")
PORTAL = Claimant("2026-02-01T00:00:00Z", "portal")
YOUNGER = Claimant("2026-03-01T00:00:00Z", "younger")


@pytest.mark.parametrize(
    ("found", "adopt", "claimants", "reason"),
    [
        pytest.param(None, False, [PORTAL], None, id="a new namespace"),
        pytest.param(None, False, [PORTAL, YOUNGER], None, id="the older of two"),
        pytest.param(None, False, [PORTAL, OLDER], "NamespaceOwned", id="the younger of two"),
        pytest.param(Standing(None, False), False, [PORTAL], "NamespaceExists", id="a foreign one"),
        pytest.param(Standing(None, False), True, [PORTAL], None, id="a foreign one, adopted"),
        pytest.param(
            Standing(None, False), True, [PORTAL, OLDER], "NamespaceOwned", id="adopted by two"
        ),
        pytest.param(Standing("portal", False), False, [PORTAL], None, id="ours"),
        pytest.param(Standing("portal", False), False, [PORTAL, OLDER], None, id="ours, contested"),
        pytest.param(
            Standing("younger", False), True, [PORTAL, YOUNGER], "NamespaceOwned", id="theirs"
        ),
        pytest.param(
            Standing("gone", False),
            False,
            [PORTAL],
            "NamespaceExists",
            id="left by one that is gone",
        ),
        pytest.param(Standing("gone", False), True, [PORTAL], None, id="left, and adopted"),
        pytest.param(
            Standing("portal", True), True, [PORTAL], "NamespaceTerminating", id="being deleted"
        ),
        pytest.param(
            Standing("portal", False, held_phi=True), True, [PORTAL], "DataLowered", id="held PHI"
        ),
    ],
)
def test_who_may_take_a_namespace(
    found: Standing | None, adopt: bool, claimants: list[Claimant], reason: str | None
) -> None:
    problem = obstacle(
        "records", "portal", adopt=adopt, phi=False, found=found, claimants=claimants
    )
    assert (problem.reason if problem else None) == reason
    if problem:
        assert "records" in problem.message


def test_the_operators_own_namespace_is_nobodys_zone() -> None:
    problem = obstacle(
        "phiwarden-system",
        "portal",
        adopt=True,
        phi=True,
        found=Standing(None, False),
        claimants=[PORTAL],
        reserved=frozenset({"phiwarden-system"}),
    )
    assert problem is not None
    assert problem.reason == "NamespaceReserved"

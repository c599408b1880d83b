"""Classes that are made on request: our own verdict holds them to what was asked for."""

from __future__ import annotations

import datetime as dt
from typing import get_args

import pytest

from phiwarden.api import storage, storage_rules
from phiwarden.storage.drivers import Encryption, driver_of
from phiwarden.storage.making import CannotMake, Recipe, makers, recipe
from phiwarden.storage.verdict import Finding, StorageClass, of_class, of_recipe

NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
KEY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/diskEncryptionSets/d"
MAKERS = sorted(makers())


def made(found: Recipe) -> Finding:
    """Return the verdict on a class as the cluster will show it."""
    return of_class(StorageClass(found.name, "u", NOW, found.provisioner, found.parameters))


def warned(found: Recipe) -> set[str]:
    """Return what is told of the parameters, beside what is told of every class of the driver."""
    driver = driver_of(found.provisioner)
    assert driver is not None
    return set(made(found).traps) - {trap.say for trap in driver.traps if not trap.when}


@pytest.mark.parametrize("provisioner", MAKERS)
def test_what_is_made_without_a_key_is_encrypted_with_the_platforms(provisioner: str) -> None:
    found = recipe(provisioner)
    assert made(found).encryption is Encryption.PLATFORM_KEY
    assert not warned(found)
    assert of_recipe(found).encryption is Encryption.PLATFORM_KEY
    assert found.name.startswith("phiwarden-")


@pytest.mark.parametrize("provisioner", MAKERS)
def test_what_is_made_with_a_key_is_encrypted_with_that_key_or_not_made(provisioner: str) -> None:
    if makers()[provisioner].keyed is None:
        with pytest.raises(CannotMake, match="takes no key"):
            recipe(provisioner, KEY)
        return
    found = recipe(provisioner, KEY)
    assert made(found).encryption is Encryption.CUSTOMER_KEY
    assert made(found).key == KEY
    assert not warned(found)
    assert of_recipe(found).encryption is Encryption.CUSTOMER_KEY


@pytest.mark.parametrize(
    ("provisioner", "said"),
    [
        ("rbd.csi.ceph.com", "needs more than a key"),
        ("nobody.example", "is not known here"),
        ("kubernetes.io/aws-ebs", "needs more than a key"),
    ],
)
def test_for_other_drivers_no_class_is_made(provisioner: str, said: str) -> None:
    with pytest.raises(CannotMake, match=said):
        recipe(provisioner)


def test_a_name_stands_for_one_driver_and_its_parameters() -> None:
    keys = ("", KEY, f"{KEY}2")
    asked = [(p, key) for p in MAKERS for key in keys if not key or makers()[p].keyed]
    assert len({recipe(*each).name for each in asked}) == len(asked)
    # A name that changes from one version to the next would make a second class for everybody.
    assert recipe("ebs.csi.aws.com").name == "phiwarden-ebs-2b3de602f732"
    assert recipe("ebs.csi.aws.com", "alias/records").name == "phiwarden-ebs-dd5a95be6b35"


def test_what_may_be_declared_is_what_can_be_made() -> None:
    assert sorted(get_args(storage.Provisioner)) == MAKERS
    assert sorted(storage_rules.KEYED) == sorted(p for p in MAKERS if makers()[p].keyed is not None)
    for provisioner in MAKERS:
        driver = driver_of(provisioner)
        assert driver is not None
        assert driver.names[0] == provisioner

"""What policies allow between the pods of a probe: what was declared, unless somebody adds a policy."""

import datetime as dt

from e2e.workloads import clinic
from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.compile import compile_boundary
from phiwarden.boundary.model import Facts
from phiwarden.probe.computed import computed
from phiwarden.probe.ways import CONTROL, OUTSIDER, Way, ways
from phiwarden.reach import read

FACTS = Facts(today=dt.date(2026, 6, 1))
SPEC = WorkloadSpec.model_validate(clinic("portal")["spec"])
PLAN = compile_boundary("portal", SPEC, FACTS)
NAMESPACES = {zone.zone: zone.namespace.name for zone in PLAN.zones} | {OUTSIDER: "outside"}
LABELS = {
    zone.namespace.name: {"kubernetes.io/metadata.name": zone.namespace.name} for zone in PLAN.zones
} | {"outside": {"kubernetes.io/metadata.name": "outside"}}
OURS = [read.policy_of(policy.body) for zone in PLAN.zones for policy in zone.policies]
TRIED = ways(SPEC, FACTS, outsider=True)


def test_the_compiled_policies_allow_what_was_declared() -> None:
    found = computed(TRIED, NAMESPACES, LABELS, OURS)
    assert found == {way: way.declared for way in TRIED}


def test_without_policies_everything_is_open() -> None:
    assert set(computed(TRIED, NAMESPACES, LABELS, []).values()) == {True}


def test_a_policy_that_somebody_adds_opens_what_it_opens_and_nothing_else() -> None:
    hole = read.policy_of(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "hole", "namespace": NAMESPACES["clinical"]},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]},
        }
    )
    found = computed(TRIED, NAMESPACES, LABELS, [*OURS, hole])
    opened = {way for way in TRIED if found[way] != way.declared}
    assert opened == {
        way for way in TRIED if way.source == OUTSIDER and way.destination == "clinical"
    }
    assert Way(OUTSIDER, "clinical", CONTROL, declared=False) in opened

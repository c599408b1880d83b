"""Where kopf finds the API server."""

import pytest

from phiwarden.cluster.login import server_of


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("10.96.0.1", "https://10.96.0.1:443"),
        ("fd00:10:96::1", "https://[fd00:10:96::1]:443"),
        ("", None),
    ],
)
def test_the_api_server_is_at_the_address_that_pods_are_told(host: str, server: str | None) -> None:
    told = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}
    assert server_of(told) == server


def test_outside_of_a_pod_there_is_no_such_address() -> None:
    assert server_of({}) is None

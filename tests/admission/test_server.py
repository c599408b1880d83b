"""What kopf is shown of a request, and what becomes of its faults."""

import asyncio
import json
from typing import Any

import pytest
import structlog

from phiwarden.admission import envelope, server


def request(**more: Any) -> envelope.Request:
    body = {
        "uid": "705ab4f5",
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "operation": "UPDATE",
        "userInfo": {"username": "developer"},
        "object": {"kind": "Pod", "metadata": {"name": "app", "uid": "a1"}, "spec": {}},
        "oldObject": {"kind": "Pod", "metadata": {"name": "app", "uid": "a1"}, "spec": {}},
        **more,
    }
    review = {"apiVersion": envelope.VERSION, "kind": envelope.KIND, "request": body}
    return envelope.read(json.dumps(review).encode())


def answered(respond: server.Respond, asked: envelope.Request) -> dict[str, Any]:
    found: dict[str, Any] = asyncio.run(server.answer(respond, asked))["response"]
    return found


def test_kopf_is_shown_no_object() -> None:
    """It would remember the uid of each update for ever, and compare and copy the objects."""
    shown = []

    async def respond(review: dict[str, Any]) -> Any:
        shown.append(review["request"])
        return {"response": {"uid": "705ab4f5", "allowed": True}}

    assert answered(respond, request()) == {"uid": "705ab4f5", "allowed": True}
    assert shown[0]["object"] == {"metadata": {}}
    assert "oldObject" not in shown[0]


def test_a_refusal_is_a_forbidden_one() -> None:
    async def respond(_: object) -> Any:
        status = {"code": 403, "message": "no"}
        return {"response": {"uid": "705ab4f5", "allowed": False, "status": status}}

    assert answered(respond, request())["status"]["reason"] == "Forbidden"


def test_a_fault_refuses_nobody_and_is_logged_without_what_it_quotes() -> None:
    async def respond(_: object) -> Any:
        raise KeyError("patient 4711")

    with structlog.testing.capture_logs() as logs:
        assert answered(respond, request()) == {"uid": "705ab4f5", "allowed": True}
    (log,) = logs
    assert (log["event"], log["error"]) == ("review.failed", "KeyError")
    assert "4711" not in json.dumps(log)


@pytest.mark.parametrize("resource", ["configmaps", "widgets"])
def test_kinds_that_no_rule_reads_pass(resource: str) -> None:
    async def respond(_: object) -> Any:
        raise AssertionError("not to be asked")

    asked = request(resource={"group": "", "version": "v1", "resource": resource})
    assert answered(respond, asked)["allowed"]

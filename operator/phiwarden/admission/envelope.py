"""Pure: AdmissionReviews as they come in and go out, https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/."""

from __future__ import annotations

import json
from typing import Any, Final

REVIEW: Final = "AdmissionReview"
REVIEW_VERSION: Final = "admission.k8s.io/v1"

Review = dict[str, Any]

_RESOURCE: Final = ("group", "version", "resource")


class BadReview(ValueError):
    """A body is no review; the message says what one must be, and quotes nothing of the body."""


def read(body: bytes) -> Review:
    """Return a review that has everything that is read of one.

    Raises:
        BadReview: the body is not JSON, or something else.
    """
    try:
        review = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadReview(_not_json(error)) from error
    _require(isinstance(review, dict), "the body must be a JSON object")
    kind, version = review.get("kind"), review.get("apiVersion")
    _require(
        kind == REVIEW and version == REVIEW_VERSION,
        f"the body must be of kind {REVIEW} and apiVersion {REVIEW_VERSION}, the only ones that"
        " are supported",
    )
    request = review.get("request")
    _require(isinstance(request, dict), "request must be an object")
    _require(bool(_text(request.get("uid"))), "request.uid must be a string that is not empty")
    resource = request.get("resource")
    _require(
        isinstance(resource, dict)
        and all(_text(resource.get(key)) is not None for key in _RESOURCE),
        "request.resource must have group, version and resource",
    )
    user = request.get("userInfo")
    _require(isinstance(user, dict), "request.userInfo must be an object")
    _require(
        _is_object(request.get("object")) or _is_object(request.get("oldObject")),
        "request.object or request.oldObject must be an object with metadata",
    )
    return review  # type: ignore[no-any-return]  # a dict, as was required


def allowed(uid: str) -> Review:
    """Return the answer that says nothing."""
    response = {"uid": uid, "allowed": True}
    return {"apiVersion": REVIEW_VERSION, "kind": REVIEW, "response": response}


def status(code: int, message: str) -> Review:
    """Return what a request is answered that is no review: a Status, as the API server would."""
    return {
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "code": code,
        "message": message,
    }


def _not_json(error: Exception) -> str:
    where = f" at byte {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
    return f"the body is not JSON{where}"


def _require(holds: bool, message: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise BadReview(message)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _is_object(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("metadata"), dict)

"""Pure: AdmissionReviews as they come in and go out.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

KIND: Final = "AdmissionReview"
VERSION: Final = "admission.k8s.io/v1"

Answered = dict[str, Any]
"""What goes out, as JSON."""


class BadReview(ValueError):
    """A body is no review; the message says what one must be, and quotes nothing of the body."""


def _with_metadata(obj: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(obj.get("metadata"), dict):
        raise ValueError("an object must have metadata")  # noqa: TRY004 - pydantic reports it
    return obj


Manifest = Annotated[dict[str, Any], AfterValidator(_with_metadata)]


class Resource(BaseModel):
    """What a request is for."""

    group: str
    version: str
    resource: str


class UserInfo(BaseModel):
    """Who makes a request."""

    username: str = ""
    groups: list[str] = []


class Request(BaseModel):
    """What is read of a request; the API server sends more."""

    uid: Annotated[str, Field(min_length=1)]
    resource: Resource
    operation: Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
    namespace: str = ""
    user: Annotated[UserInfo, Field(alias="userInfo")]
    dry_run: Annotated[bool | None, Field(alias="dryRun")] = None
    obj: Annotated[Manifest | None, Field(alias="object")] = None
    old: Annotated[Manifest | None, Field(alias="oldObject")] = None

    @model_validator(mode="after")
    def _about_something(self) -> Request:
        if self.obj is None and self.old is None:
            raise ValueError("object or oldObject must be there")
        return self


class _Review(BaseModel):
    apiVersion: Literal["admission.k8s.io/v1"]  # noqa: N815 - Kubernetes' own spelling
    kind: Literal["AdmissionReview"]
    request: Request


def read(body: bytes) -> Request:
    """Return the request that a review is about.

    Raises:
        BadReview: the body is not JSON, of another kind or version, or incomplete.
    """
    try:
        return _Review.model_validate_json(body).request
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "body"
        raise BadReview(f"{where}: {first['msg'].removeprefix('Value error, ')}") from error


def allowed(request: Request) -> Answered:
    """Return the answer that says nothing."""
    response = {"uid": request.uid, "allowed": True}
    return {"apiVersion": VERSION, "kind": KIND, "response": response}


def status(code: int, message: str) -> Answered:
    """Return what is answered to what is no review: a Status, as the API server would."""
    return {
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "code": code,
        "message": message,
    }

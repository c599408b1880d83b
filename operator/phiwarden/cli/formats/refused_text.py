"""Why the API server does not take an exception or a decision, in words for those who meet it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from phiwarden.api.exception import LONGEST, LONGEST_EMERGENCY

_TERMS: Final = ", ".join(f"{most.days} days in {impact}" for impact, most in LONGEST.items())

WORDS: Final[Mapping[str, str]] = {
    "this namespace is no zone, and nothing in it needs an exception": (
        "{namespace} is no zone: nothing in it needs an exception."
    ),
    "an exception is asked for by whoever makes it, with the name and uid that the API server"
    " knows": "The API server knows you by another name than it just told. Log in anew.",
    "longer than an exception may be in force at this clinical impact": (
        f"That is too long: at most {_TERMS}, and {LONGEST_EMERGENCY.days} in an emergency."
    ),
    "this moment has passed": "It would have ended before it began.",
    "a decision is written by whoever decides, with the name and uid that the API server knows": (
        "The API server knows you by another name than it just told. Log in anew."
    ),
    "only who has the verb approve on phiexceptions": (
        "You may not decide on exceptions in {namespace}: it takes the verb approve on"
        " phiexceptions there, which ClusterRole phiwarden-approver has."
    ),
    "whoever asked for an exception does not approve it, under any name": (
        "You asked for this exception yourself: somebody else has to approve it."
    ),
    "what has ended is not approved any more": (
        "It has ended: nothing is left to approve. Who still needs it asks for another one."
    ),
    "what was denied stays denied": (
        "It was denied, and stays so. Who still needs it asks for another one."
    ),
    'cannot patch resource "phiexceptions/status"': (
        "You may not decide on exceptions in {namespace}: ClusterRole phiwarden-approver lets"
        " somebody decide."
    ),
    'cannot create resource "phiexceptions"': (
        "You may not ask for exceptions in {namespace}: ClusterRole phiwarden-requester lets"
        " somebody ask."
    ),
    'cannot get resource "phiexceptions"': (
        "You may not read exceptions in {namespace}: ClusterRoles phiwarden-requester and"
        " phiwarden-approver let somebody read them."
    ),
    "already exists": "There is an exception of that name already: choose another one with --name.",
}
"""What to say, by what the API server says."""


def refused_text(namespace: str, message: str) -> str:
    """Return a refusal in our words, as far as there are any, and in the API server's."""
    ours = (words for said, words in WORDS.items() if said in message)
    told = [next(ours, "The API server refuses this.").format(namespace=namespace)]
    return "\n".join([*told, f"In the API server's words: {message}"])

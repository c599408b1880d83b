"""The words that a PHIWorkload chooses from."""

from __future__ import annotations

from enum import StrEnum


class Environment(StrEnum):
    """Stage of the application; real PHI belongs in production alone."""

    PRODUCTION = "production"
    STAGING = "staging"
    TEST = "test"
    DEVELOPMENT = "development"


class ClinicalImpact(StrEnum):
    """How much harm a failure of the application would do to care."""

    DIRECT_CARE = "direct-care"
    CARE_SUPPORT = "care-support"
    ADMINISTRATIVE = "administrative"


class Enforcement(StrEnum):
    """What becomes of a violation: recorded, told, or refused and put back."""

    OBSERVE = "observe"
    WARN = "warn"
    ENFORCE = "enforce"


class DeletionPolicy(StrEnum):
    """What becomes of the boundary when its PHIWorkload is deleted."""

    RETAIN = "Retain"
    DELETE = "Delete"


class DataClass(StrEnum):
    """The most sensitive data that a zone may hold."""

    PHI = "phi"
    DEIDENTIFIED = "deidentified"
    SYNTHETIC = "synthetic"
    NONE = "none"


class Exposure(StrEnum):
    """Who may be offered a Service or Ingress of the zone."""

    PUBLIC = "public"
    INTERNAL = "internal"
    NONE = "none"


class Purpose(StrEnum):
    """Why data flows; treatment, payment and operations as in 45 CFR 164.506."""

    TREATMENT = "treatment"
    PAYMENT = "payment"
    OPERATIONS = "operations"
    RESEARCH = "research"
    PUBLIC_HEALTH = "public-health"
    OTHER = "other"

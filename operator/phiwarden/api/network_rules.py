"""What the API server rejects in one flow or external, as CRD validation rules (CEL).

What several of them say together is judged in `phiwarden.api.workload_rules`.
"""

from __future__ import annotations

from typing import Final

from phiwarden.api.base import validation

END_BEFORE_START: Final = "endPort must not be lower than port"

PORT: Final = (
    validation(
        "!has(self.endPort) || self.endPort >= self.port",
        END_BEFORE_START,
        field_path=".endPort",
    ),
)

ENDPOINT: Final = (
    validation(
        "has(self.zone) != has(self.external)", "must name exactly one of zone and external"
    ),
)

FLOW: Final = (
    validation(
        "!has(self.from.external) || !has(self.to.external)",
        "from or to must name a zone: a flow between two externals never enters this cluster",
    ),
)

EXTERNAL: Final = (
    validation(
        "self.kind != 'ai' || has(self.agreement)",
        "an external of kind ai needs an agreement (PHI-AI-001)",
        expression="'external ' + self.name + ' is of kind ai and needs an agreement (PHI-AI-001)'",
        field_path=".agreement",
        reason="FieldValueRequired",
    ),
)

"""The claims, a module for each; where each is, so that a list of them needs none of what they import."""

CLAIMS: dict[str, str] = {
    "gradient": "gradient:CLAIM",
    "optimum": "optimum:CLAIM",
    "weights": "weights:CLAIM",
    "saturation": "saturation:CLAIM",
    "margins": "margins:CLAIM",
    "decomposition": "decomposition:CLAIM",
    "calibration": "calibration:CLAIM",
    "gradient-norms": "gradient_norms:CLAIM",
    "stability": "stability:CLAIM",
    "lipschitz": "lipschitz:CLAIM",
    "label-noise": "label_noise:CLAIM",
    "relations": "relations:CLAIM",
    "dynamics": "dynamics:CLAIM",
    "elsewhere": "elsewhere:CLAIM",
}
"""Claims in the order of the textbook, by name."""

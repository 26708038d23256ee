"""Networks of the detector: one file per architecture, and a registry of backbones."""

"""SelfCodeAlign: turn a base code model into an instruction-following one, reproducibly.

The rooms bear the names of the method: `seeds`, `generation`, `sandbox`, `curation`, `training`, `evaluation`,
`report`. Each room's `__init__` is its public door; what is not there is private.
"""

__version__ = "0.1.0"

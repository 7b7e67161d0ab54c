"""A config.json as text: keys with their types, mistakes with their lines, and which keys nobody looked at."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, cast

from dse.errors import InputError, Place, Problem
from dse.inputs.document import read_file_text
from dse.inputs.fields import MAX_SIZE
from dse.inputs.wording import shorten

MAX_DEPTH = 64
MAX_LAYERS = 1_000
"""Most layers of an encoder or a decoder."""

OWN_CODE = ("auto_map", "custom_pipelines", "trust_remote_code")
"""Keys by which a config names code of its own, or asks for it to be run."""

# fmt: off
HARMLESS = frozenset({
    "_name_or_path", "activation_dropout", "apply_spec_augment", "architectures", "attention_dropout",
    "attention_probs_dropout_prob", "attn_pdrop", "begin_suppress_tokens", "bos_token_id", "classifier_dropout",
    "classifier_proj_size", "cls_token_id", "decoder_layerdrop", "decoder_start_token_id", "dropout", "dropout_rate", "dtype",
    "embd_pdrop", "encoder_layerdrop", "encoder_stride", "eos_token_id", "finetuning_task", "forced_bos_token_id",
    "forced_decoder_ids", "forced_eos_token_id", "gradient_checkpointing", "hidden_dropout_prob", "id2label", "init_std",
    "initializer_factor", "initializer_range", "is_encoder_decoder", "label2id", "layer_norm_eps", "layer_norm_epsilon",
    "layerdrop", "mask_feature_length", "mask_feature_min_masks", "mask_feature_prob", "mask_time_length",
    "mask_time_min_masks", "mask_time_prob", "max_length", "max_new_tokens", "median_filter_length", "model_type", "n_ctx",
    "n_positions", "num_beams", "num_hidden_layers", "output_attentions", "output_hidden_states", "output_past",
    "output_router_logits", "pad_token_id", "pretraining_tp", "problem_type", "qkv_bias", "relative_attention_max_distance",
    "reorder_and_upcast_attn", "resid_pdrop", "rms_norm_eps", "rope_parameters", "rope_scaling", "rope_theta",
    "router_aux_loss_coef", "router_jitter_noise", "scale_attn_by_inverse_layer_idx", "scale_attn_weights", "scale_embedding",
    "sep_token_id", "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type",
    "summary_use_proj", "suppress_tokens", "task_specific_params", "tokenizer_class", "torch_dtype", "transformers_version",
    "unk_token_id", "use_cache", "use_return_dict", "use_weighted_layer_sum", "vocab_size",
})
# fmt: on
"""Keys that change neither the work of inference nor the size of a tensor, or that are read under another name."""


@dataclass(slots=True)
class Config:
    """The keys of a config.json. Whatever is asked for counts as looked at."""

    file: str
    keys: dict[str, Any]
    text: str
    _seen: set[str] = field(default_factory=set[str])

    @property
    def model_type(self) -> str:
        """The family that the file names."""
        value = self._asked("model_type")
        if not isinstance(value, str):
            self.refuse("model_type", "names no family" if value is not None else "has no model_type")
        return value

    def count(self, key: str, default: int | None = None, most: int = MAX_SIZE) -> int:
        """A whole number of at least 1; without a default it must be there."""
        value = self._asked(key)
        if value is None and default is not None:
            return default
        if value is None:
            self.refuse(key, f"has no {key!r}, which a {self.keys.get('model_type')} needs")
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            self.refuse(key, f"{key} must be a whole number from 1 to {most:,}, got {shorten(value)}")
        return value

    def layers(self, key: str, default: int | None = None) -> int:
        """How many layers there are."""
        return self.count(key, default, MAX_LAYERS)

    def maybe(self, key: str) -> int | None:
        """A whole number, or nothing."""
        return None if self._asked(key) is None else self.count(key)

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._asked(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.refuse(key, f"{key} must be true or false, got {shorten(value)}")
        return value

    def word(self, key: str, default: str | None = None) -> str:
        """A text."""
        value = self._asked(key)
        if value is None and default is not None:
            return default
        if value is None:
            self.refuse(key, f"has no {key!r}, which a {self.keys.get('model_type')} needs")
        if not isinstance(value, str):
            self.refuse(key, f"{key} must be a text, got {shorten(value)}")
        return value

    @property
    def architecture(self) -> str | None:
        """The class that the config names first; None where it names none."""
        named = self._asked("architectures")
        if named is None or named == []:
            return None
        names = cast("list[object]", named) if isinstance(named, list) else [None]
        if not isinstance(names[0], str):
            self.refuse("architectures", f"architectures must be a list of names, got {shorten(cast('object', named))}")
        return names[0]

    def raw(self, key: str) -> Any:  # noqa: ANN401 - whatever stands in the file
        """The value as it stands; None where there is none."""
        return self._asked(key)

    def only(self, key: str, *allowed: object) -> None:
        """Refuse a key that is there with a value that means work that nothing here counts."""
        value = self._asked(key)
        if value is not None and value not in allowed:
            shown = " or ".join(shorten(each) for each in allowed)
            self.refuse(key, f"{key}: {shorten(value)} has no rule; what is known is {shown}")

    def unseen(self) -> tuple[str, ...]:
        """Keys that nobody looked at and that are not known to be harmless."""
        return tuple(sorted(key for key in self.keys if key not in self._seen and key not in HARMLESS))

    def refuse(self, key: str, message: str, remedy: str | None = None) -> NoReturn:
        """Raise `InputError` at a key, or at the file where the key is missing."""
        raise InputError(Problem(message, self.place(key), remedy))

    def place(self, key: str) -> Place:
        """Where a key stands."""
        found = re.search(rf'"{re.escape(key)}"\s*:', self.text)
        if found is None:
            return Place(self.file)
        before = self.text[: found.start()]
        return Place(self.file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)

    def _asked(self, key: str) -> Any:  # noqa: ANN401
        self._seen.add(key)
        return self.keys.get(key)


def read_config(path: str | Path) -> Config:
    """Read a config.json. Raises `InputError` where it is no JSON object."""
    file = str(path)
    text = read_file_text(path, "a config.json")
    try:
        data: Any = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise InputError(Problem(f"is nested more than {MAX_DEPTH} levels deep", Place(file))) from None
    except json.JSONDecodeError as error:
        place = Place(file, error.lineno, error.colno)
        raise InputError(Problem(f"is not valid JSON: {error.msg}", place, _hint(text))) from None
    except ValueError as error:
        raise InputError(Problem(f"is not valid JSON: {error}", Place(file))) from None
    if not isinstance(data, dict):
        raise InputError(Problem(f"holds {shorten(data)}; a config.json is an object: {{...}}", Place(file)))
    return Config(file, cast("dict[str, Any]", data), text)


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _hint(text: str) -> str | None:
    if text.startswith("version https://git-lfs"):
        return "this is the pointer of a large file: fetch the file itself"
    return "an HTML page was saved in its place" if text.lstrip()[:1] == "<" else None

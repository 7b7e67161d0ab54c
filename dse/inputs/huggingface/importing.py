"""`import_huggingface`: a config.json to the text of a workload file, and what was counted on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dse.errors import InputError, Problem
from dse.inputs.huggingface.config import OWN_CODE, Config, read_config
from dse.inputs.huggingface.decoders import gpt2, llama
from dse.inputs.huggingface.encoder_decoders import t5, whisper
from dse.inputs.huggingface.encoders import bert, vit
from dse.inputs.huggingface.model import Lengths, Model, Parameters
from dse.inputs.wording import near_miss
from dse.inputs.writer import suite_name, write_workload
from dse.units import FLOATING_FORMATS, FORMAT_BITS

FAMILIES: Mapping[str, Callable[[Config, Lengths], Model]] = {
    "bert": bert,
    "gpt2": gpt2,
    "llama": llama,
    "mistral": llama,
    "mixtral": llama,
    "roberta": bert,
    "t5": t5,
    "vit": vit,
    "whisper": whisper,
}
"""Families by the model_type of a config."""

ARCHITECTURES: Mapping[str, tuple[str, ...]] = {
    "gpt2": ("GPT2LMHeadModel",),
    "llama": ("LlamaForCausalLM",),
    "mistral": ("MistralForCausalLM",),
    "mixtral": ("MixtralForCausalLM",),
    "t5": ("T5ForConditionalGeneration", "T5WithLMHeadModel"),
    "whisper": ("WhisperForConditionalGeneration",),
}
"""What the families that write text are known as, with the head that gives the next token; the others have several heads."""

DTYPES = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}
DEFAULT_FORMAT = "int8"


@dataclass(frozen=True, slots=True, kw_only=True)
class FromHuggingFace:
    """The text of a workload file, the tensors of the checkpoint, and what the user should know."""

    text: str
    parameters: Parameters
    notes: tuple[str, ...]


def import_huggingface(
    path: str | Path,
    *,
    prefill: Sequence[int] = (),
    decode: Sequence[int] = (),
    batches: Sequence[int] = (1,),
    precision: str | None = None,
    architecture: str | None = None,
    name: str | None = None,
    space: str = "datacenter",
) -> FromHuggingFace:
    """A workload of what a config.json describes: prompts of `prefill` tokens, and one token at the end of `decode` tokens.

    Nothing but the file is read, and nothing of it is run. `precision` is a format for weights and activations; without it the
    config's own (torch_dtype) is taken. `architecture` is taken in the place of the config's. Raises `InputError`.
    """
    config = read_config(path)
    if config.model_type not in FAMILIES:
        message = f"the model_type {config.model_type!r} has no rule"
        config.refuse("model_type", message, f"{near_miss(config.model_type, FAMILIES)}known are: {', '.join(FAMILIES)}")
    if architecture is not None:
        config.keys["architectures"] = [architecture]
    _check_architecture(config)
    formats = _formats(config, precision)
    model = FAMILIES[config.model_type](config, Lengths(prefill=tuple(prefill) or None, decode=tuple(decode) or None))
    _check_unique(model)
    title = _title(config, Path(path), name)
    counted = _in_words(model.parameters)
    text = write_workload(
        [replace(network, title=f"{title}, {network.title}") for network in model.networks],
        name=suite_name(title),
        batches=batches,
        precision=formats,
        space=space,
        source=f"From the {config.model_type} config of {title}: {counted}. Biases and normalisations are left out below.",
    )
    notes = [f"{title}: {counted}", *model.notes]
    code = [key for key in config.unseen() if key in OWN_CODE]
    if code:
        notes.append(f"{config.file} names code of its own ({', '.join(code)}): none of it is loaded or run")
    unseen = [key for key in config.unseen() if key not in OWN_CODE]
    if unseen:
        notes.append(f"keys of {config.file} that no rule looks at: {', '.join(unseen)}")
    return FromHuggingFace(text=text, parameters=model.parameters, notes=tuple(notes))


def _check_architecture(config: Config) -> None:
    """Refuse another head than that which gives the next token."""
    known, named = ARCHITECTURES.get(config.model_type), config.architecture
    if known and named is not None and named not in known:
        message = f"the architecture {named!r} has no rule"
        config.refuse("architectures", message, f"--architecture {known[0]} counts the model with that head")


def _title(config: Config, path: Path, name: str | None) -> str:
    """What the model is called: by the user, by the config, or by the file or the folder it lies in."""
    if name:
        return name
    named = config.raw("_name_or_path")
    if isinstance(named, str) and named.strip("./ "):
        return named.rstrip("/").rsplit("/", 1)[-1]
    return path.resolve().parent.name if path.stem == "config" else path.stem


def _in_words(parameters: Parameters) -> str:
    return (
        f"{parameters.total:,} parameters: {parameters.matrices:,} in matrices, {parameters.tables:,} in tables, "
        f"{parameters.vectors:,} in biases and normalisations"
    )


def _check_unique(model: Model) -> None:
    names = [network.name for network in model.networks]
    again = next((name for name in names if names.count(name) > 1), None)
    if again is not None:
        raise InputError(Problem(f"the length of {again!r} is given twice", remedy="name each length once"))


def _formats(config: Config, precision: str | None) -> dict[str, str]:
    """Number formats of weights, activations and sums."""
    quantised = config.raw("quantization_config")
    if precision is None and quantised is not None:
        config.refuse("quantization_config", "is quantised (quantization_config)", "say the format to count: --precision int8")
    dtype = config.raw("dtype") or config.raw("torch_dtype")
    if precision is None and dtype is not None and str(dtype).removeprefix("torch.") not in DTYPES:
        key = "dtype" if config.raw("dtype") else "torch_dtype"
        config.refuse(
            key, f"{key}: {dtype!r} is no format that is known here", f"known are: {', '.join(DTYPES)}; or give --precision"
        )
    word = precision or (DTYPES[str(dtype).removeprefix("torch.")] if dtype else DEFAULT_FORMAT)
    if word not in FORMAT_BITS:
        raise InputError(Problem(f"--precision {word!r} is no number format", remedy=f"known are: {', '.join(FORMAT_BITS)}"))
    return {"weights": word, "activations": word, "accumulators": "fp32" if word in FLOATING_FORMATS else "int32"}

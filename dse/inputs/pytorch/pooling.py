"""Rules of poolings and of images at another size."""

from __future__ import annotations

from dse.inputs.pytorch.building import Builder, rule
from dse.inputs.pytorch.products import spread
from dse.inputs.pytorch.tracing import Operation
from dse.inputs.pytorch.values import Known, Value
from dse.workload.shapes import Image, Sequence, Vector


def _mode(operation: Operation) -> str:
    return "max" if "max" in operation.name else "average"


def _alone(made: Value, operation: Operation) -> Known:
    """What an operator gives that also gives indices."""
    return (made, None) if operation.parts else made


@rule("max_pool2d", "avg_pool2d", "max_pool2d_with_indices")
def pool2d(builder: Builder, operation: Operation) -> Known:
    """Windows of an image."""
    value, dims = builder.value(operation, "self"), builder.dims(operation, "self")
    kernel = spread(builder.argument(operation, "kernel_size"), 2)
    given = builder.argument(operation, "stride")
    if set(spread(builder.argument(operation, "dilation") or 1, 2)) != {1}:
        builder.refuse(operation, "has no rule with dilation")
    own = spread(builder.argument(operation, "padding") or 0, 2)
    margin = value.margin or ((0, 0), (0, 0))
    (top, bottom), (left, right) = ((pad + a, pad + b) for pad, (a, b) in zip(own, margin, strict=True))
    shape = Image(dims[-3], dims[-2] - sum(margin[0]), dims[-1] - sum(margin[1]))
    made = builder.add(
        operation,
        "pool2d",
        [builder.as_shape(Value(name=value.name, shape=value.shape), shape, operation)],
        Image(*operation.dims[-3:]),
        mode=_mode(operation),
        kernel=kernel,
        stride=spread(given, 2) if given else kernel,
        padding=(top, left) if (top, left) == (bottom, right) else (top, left, bottom, right),
        ceil=bool(builder.argument(operation, "ceil_mode")),
    )
    return _alone(made, operation)


@rule("max_pool1d", "avg_pool1d", "max_pool1d_with_indices")
def pool1d(builder: Builder, operation: Operation) -> Known:
    """Windows of a sequence."""
    value, dims = builder.value(operation, "self"), builder.dims(operation, "self")
    kernel = spread(builder.argument(operation, "kernel_size"), 1)[0]
    given = builder.argument(operation, "stride")
    if set(spread(builder.argument(operation, "dilation") or 1, 1)) != {1}:
        builder.refuse(operation, "has no rule with dilation")
    made = builder.add(
        operation,
        "pool1d",
        [builder.as_shape(value, Sequence(dims[-2], dims[-1]), operation)],
        Sequence(*operation.dims[-2:]),
        mode=_mode(operation),
        kernel=kernel,
        stride=spread(given, 1)[0] if given else kernel,
        padding=spread(builder.argument(operation, "padding") or 0, 1)[0],
        ceil=bool(builder.argument(operation, "ceil_mode")),
    )
    return _alone(made, operation)


@rule("adaptive_avg_pool2d", "adaptive_max_pool2d", "_adaptive_avg_pool2d")
def adaptive2d(builder: Builder, operation: Operation) -> Known:
    """Windows that make an image of a given size."""
    value, dims, out = builder.value(operation, "self"), builder.dims(operation, "self"), operation.dims
    shape = Image(dims[-3], dims[-2], dims[-1])
    if out[-2:] == dims[-2:]:
        return _alone(value, operation)
    name = builder.as_shape(value, shape, operation)
    if out[-2:] == (1, 1):
        return _alone(builder.add(operation, "global_pool", [name], Vector(shape.channels), mode=_mode(operation)), operation)
    if dims[-2] % out[-2] or dims[-1] % out[-1]:
        builder.refuse(operation, f"has no rule for windows of several sizes ({dims[-2:]} to {out[-2:]})")
    kernel = (dims[-2] // out[-2], dims[-1] // out[-1])
    made = builder.add(operation, "pool2d", [name], Image(*out[-3:]), mode=_mode(operation), kernel=kernel, stride=kernel)
    return _alone(made, operation)


@rule("adaptive_avg_pool1d", "adaptive_max_pool1d")
def adaptive1d(builder: Builder, operation: Operation) -> Known:
    """Windows that make a sequence of a given length."""
    value, dims, out = builder.value(operation, "self"), builder.dims(operation, "self"), operation.dims
    if out[-1] == dims[-1]:
        return _alone(value, operation)
    name = builder.as_shape(value, Sequence(dims[-2], dims[-1]), operation)
    if out[-1] == 1:
        return _alone(builder.add(operation, "global_pool", [name], Vector(dims[-2]), mode=_mode(operation)), operation)
    if dims[-1] % out[-1]:
        builder.refuse(operation, f"has no rule for windows of several sizes ({dims[-1]} to {out[-1]})")
    kernel = dims[-1] // out[-1]
    made = builder.add(operation, "pool1d", [name], Sequence(*out[-2:]), mode=_mode(operation), kernel=kernel, stride=kernel)
    return _alone(made, operation)


@rule("upsample_nearest2d", "upsample_bilinear2d", "upsample_bicubic2d", "_upsample_bilinear2d_aa", "upsample_nearest_exact2d")
def resize(builder: Builder, operation: Operation) -> Known:
    """An image at another size."""
    name = "input" if "input" in operation.arguments else "self"
    value, dims, out = builder.value(operation, name), builder.dims(operation, name), operation.dims
    mode = "nearest" if "nearest" in operation.name else "linear" if "bilinear" in operation.name else "cubic"
    source = builder.as_shape(value, Image(*dims[-3:]), operation)
    return builder.add(operation, "resize", [source], Image(*out[-3:]), size=out[-2:], mode=mode)

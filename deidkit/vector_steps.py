"""What steps of compiled loops are made of where they are written as vector instructions of LLVM.

Importing this module imports numba.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from llvmlite import binding, ir
from numba.extending import intrinsic as untyped_intrinsic

if TYPE_CHECKING:
    from numba.core.typing.templates import Signature

Values = Sequence[ir.Value]

intrinsic: Any = untyped_intrinsic  # of which mypy would keep the arguments of its first step only


def has(feature: str) -> bool:
    """Whether the processor has what LLVM calls so."""
    try:
        return bool(binding.get_host_cpu_features().get(feature))
    except RuntimeError:  # LLVM cannot say
        return False


REGISTERS, REGISTER_BYTES = (32, 64) if has("avx512f") else (16, 32)
"""Vector registers of the processor and their size; others than AVX-512's hold as much as AVX2's, or as 32 of NEON.

LLVM splits a vector that is wider than a register, and keeps in memory what does not fit into all of them.
"""


def array(context: Any, builder: ir.IRBuilder, signature: Signature, arguments: Sequence[ir.Value], at: int) -> Any:
    """The array that is the argument of this number."""
    return context.make_array(signature.args[at])(context, builder, arguments[at])


def place(
    context: Any, builder: ir.IRBuilder, signature: Signature, arguments: Sequence[ir.Value], at: int
) -> ir.Value:
    """Where the number lies that an array and the argument after it, a place in the array, name."""
    return builder.gep(array(context, builder, signature, arguments, at).data, [arguments[at + 1]])


def vector_at(builder: ir.IRBuilder, base: ir.Value, index: ir.Value, vector: ir.VectorType) -> ir.Value:
    """Where a vector begins so many numbers behind a place."""
    return builder.bitcast(builder.gep(base, [index]), vector.as_pointer())


def repeated(builder: ir.IRBuilder, value: ir.Value, vector: ir.VectorType) -> ir.Value:
    """A vector all of whose numbers are this one."""
    undefined = ir.Constant(vector, ir.Undefined)
    first = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    held = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(held, undefined, first)


def loop(
    builder: ir.IRBuilder,
    span: tuple[ir.Value, ir.Value, int],
    initial: Values,
    body: Callable[[ir.Value, Values], Values],
) -> list[ir.Value]:
    """Emit a loop from a number up to another in steps; values are handed on from turn to turn.

    Args:
        builder: At the place for the loop; afterwards behind it.
        span: First number, the one that ends it, and the step.
        initial: The values before the first turn.
        body: Emits a turn: from its number and the values to those for the next one.

    Returns:
        The values after the last turn.
    """
    start, stop, step = span
    before = builder.block
    head, inside, after = (builder.append_basic_block(name) for name in ("loop", "turn", "done"))
    builder.branch(head)
    builder.position_at_end(head)
    number, values = builder.phi(start.type), [builder.phi(value.type) for value in initial]
    builder.cbranch(builder.icmp_signed("<", number, stop), inside, after)
    builder.position_at_end(inside)
    later = body(number, values)
    following = builder.add(number, ir.Constant(start.type, step))
    builder.branch(head)
    for phi, first, again in zip([number, *values], [start, *initial], [following, *later], strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(again, inside)
    builder.position_at_end(after)
    return values

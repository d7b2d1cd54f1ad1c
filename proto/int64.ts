import protobuf from "protobufjs/minimal.js";
import type { Long } from "./gen/buildkit.js";

// The Long of the generated code: importing the package "long" here would load a second copy of it.
const { Long: LongClass } = protobuf.util as unknown as {
  Long: { fromBits(low: number, high: number, unsigned: boolean): Long };
};

/** A 64-bit field's value from a bigint, of which the low 64 bits count. A plain number may be written to such a field as it is. */
export function toLong(value: bigint): Long {
  return LongClass.fromBits(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)), false);
}

/** A decoded 64-bit field's value, exactly. Where 2^53 is enough, `value.toNumber()` is simpler and faster. */
export function toBigInt(value: Long): bigint {
  const high = BigInt(value.unsigned ? value.high >>> 0 : value.high);
  return (high << 32n) | BigInt(value.low >>> 0);
}

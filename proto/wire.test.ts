import { expect, test } from "vitest";
import { fsutil, moby, pb, toBigInt, toLong } from "./index.js";

// The bytes are written by hand from the protobuf encoding rules, so that an error in the .proto files cannot hide in a
// round trip. A key byte is (field number << 3) | wire type: 0 varint, 2 length-delimited.

const { Packet, Stat } = fsutil.types;
const { PacketType } = Packet;

function bytes(...parts: (number | string)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.of(part))));
}

test("a request for file 0 is one field: the id 0 is absent on the wire and decodes as 0", () => {
  const request = bytes(0x08, 1);
  expect(Packet.encode({ type: PacketType.PACKET_REQ, id: 0 }).finish()).toEqual(request);
  const decoded = Packet.decode(request);
  expect(decoded.type).toBe(PacketType.PACKET_REQ);
  expect(decoded.id).toBe(0);
});

test("the end of a walk is a STAT without stat, which is a message of no bytes", () => {
  expect(Packet.encode({ type: PacketType.PACKET_STAT }).finish()).toHaveLength(0);
  const end = Packet.decode(new Uint8Array());
  expect(end.type).toBe(PacketType.PACKET_STAT);
  expect(end.stat).toBeNull();
});

test("an empty stat is told from an absent one", () => {
  expect(Packet.decode(bytes(0x12, 0)).stat).not.toBeNull();
});

test("data travels in field 4 with its file's id in field 3", () => {
  const data = bytes(0x08, 2, 0x18, 0xac, 0x02, 0x22, 3, "abc");
  expect(Packet.encode({ type: PacketType.PACKET_DATA, id: 300, data: bytes("abc") }).finish()).toEqual(data);
  const decoded = Packet.decode(data);
  expect(decoded.id).toBe(300);
  expect(Buffer.from(decoded.data).toString()).toBe("abc");
});

test("a directory's mode keeps bit 31 as an unsigned number in both directions", () => {
  const directory = bytes(0x10, 0xed, 0x83, 0x80, 0x80, 0x08); // 0o755 | 1 << 31
  expect(Stat.decode(directory).mode).toBe(0x800001ed);
  expect(Stat.encode({ mode: 0x800001ed }).finish()).toEqual(directory);
  // What JavaScript's bit operators give for the same bits.
  expect(Stat.encode({ mode: (1 << 31) | 0o755 }).finish()).toEqual(directory);
});

test("a modification time keeps its nanoseconds, which a double would lose", () => {
  const nanoseconds = 1_700_000_000_123_456_789n;
  const wire = bytes(0x30, 0x95, 0x9a, 0x97, 0xec, 0xe3, 0x9f, 0xe7, 0xcb, 0x17);
  expect(Stat.encode({ modTime: toLong(nanoseconds) }).finish()).toEqual(wire);
  expect(toBigInt(Stat.decode(wire).modTime)).toBe(nanoseconds);
  expect(BigInt(Number(nanoseconds))).not.toBe(nanoseconds);
});

test("a time before 1970 is ten bytes of sign and comes back negative", () => {
  const wire = bytes(0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01);
  expect(Stat.encode({ modTime: toLong(-1n) }).finish()).toEqual(wire);
  expect(toBigInt(Stat.decode(wire).modTime)).toBe(-1n);
});

test.each([0n, 1n, -1n, 2n ** 31n, 2n ** 32n - 1n, -(2n ** 32n), 2n ** 63n - 1n, -(2n ** 63n)])(
  "%s passes through Long unchanged",
  (value) => {
    expect(toBigInt(toLong(value))).toBe(value);
  },
);

test("a name that is not UTF-8 survives, and so do its target and its extended attributes", () => {
  const name = bytes(0x66, 0xff, 0xfe, 0x2f, 0xe4);
  const wire = Stat.encode({ path: name, linkname: name, xattrs: { "user.x": bytes(0, 0xff) } }).finish();
  expect(Buffer.from(wire.subarray(0, 7))).toEqual(bytes(0x0a, 5, 0x66, 0xff, 0xfe, 0x2f, 0xe4));
  const decoded = Stat.decode(wire);
  expect(Buffer.from(decoded.path)).toEqual(name);
  expect(Buffer.from(decoded.linkname)).toEqual(name);
  expect(Buffer.from(decoded.xattrs["user.x"] ?? [])).toEqual(bytes(0, 0xff));
});

test("a mount without input or output says -1 on the wire, since an absent number would mean the first", () => {
  const mount = pb.Mount.encode({
    input: -1,
    output: -1,
    dest: "/c",
    mountType: pb.MountType.CACHE,
  }).finish();
  const minusOne = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
  expect(mount).toEqual(bytes(0x08, ...minusOne, 0x1a, 2, "/c", 0x20, ...minusOne, 0x30, 3));
  expect(pb.Mount.decode(mount).input.toNumber()).toBe(-1);
  expect(pb.Mount.decode(new Uint8Array()).input.toNumber()).toBe(0);
});

test("a oneof says which member is set, also when its value is a zero", () => {
  const root = bytes(0x10, 0);
  expect(pb.UserOpt.encode({ byId: 0 }).finish()).toEqual(root);
  const decoded = pb.UserOpt.decode(root);
  expect([decoded.user, decoded.byId, decoded.byName]).toEqual(["byId", 0, null]);
  expect(pb.UserOpt.decode(new Uint8Array()).user).toBeUndefined();
});

test("a terminal op has inputs and no kind", () => {
  const terminal = bytes(0x0a, 6, 0x0a, 4, "sha2");
  expect(pb.Op.encode({ inputs: [{ digest: "sha2", index: 0 }] }).finish()).toEqual(terminal);
  expect(pb.Op.decode(terminal).op).toBeUndefined();
});

test("an exec message of the gateway names its kind", () => {
  const { ExecMessage } = moby.buildkit.v1.frontend;
  const done = ExecMessage.decode(bytes(0x0a, 1, "p", 0x3a, 0));
  expect([done.processId, done.input]).toEqual(["p", "done"]);
  const exit = ExecMessage.decode(bytes(0x0a, 1, "p", 0x32, 2, 0x08, 7));
  expect(exit.exit?.code).toBe(7);
});

test("fields that a newer daemon adds are passed over", () => {
  const vertex = bytes(0x0a, 1, "d", 0xf8, 0x07, 1, 0xfa, 0x07, 2, "xy", 0x1a, 1, "n");
  const decoded = moby.buildkit.v1.Vertex.decode(vertex);
  expect([decoded.digest, decoded.name]).toEqual(["d", "n"]);
  expect(moby.buildkit.v1.Vertex.encode(decoded).finish()).toEqual(bytes(0x0a, 1, "d", 0x1a, 1, "n"));
});

test.each([
  ["a length beyond the end", [0x22, 0x7f, 1]],
  ["a length beyond 2^31", [0x22, 0xff, 0xff, 0xff, 0xff, 0x0f]],
  ["a number that never ends", [0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ["a number cut short", [0x18, 0xff]],
  ["a nested message longer than what holds it", [0x12, 2, 0x0a, 9]],
])("%s is refused with an exception", (_, malformed) => {
  expect(() => Packet.decode(Buffer.from(malformed))).toThrow();
});

test("nesting without end is refused before the stack is full", () => {
  let nested = Buffer.alloc(0);
  // SourceInfo.definition (3) and Definition.source (3), Source.infos (2) hold each other.
  const wrap = (key: number, inner: Buffer) => {
    const length: number[] = [];
    for (let rest = inner.length; ; rest >>>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest);
      if (rest <= 127) break;
    }
    return Buffer.concat([Buffer.of(key, ...length), inner]);
  };
  for (let depth = 0; depth < 400; depth++) nested = wrap(0x12, wrap(0x1a, wrap(0x1a, nested)));
  expect(() => pb.Source.decode(nested)).toThrow(/depth/);
});

test("a map key named __proto__ is an entry like any other", () => {
  const entry = bytes(0x0a, 9, "__proto__", 0x12, 1, "x");
  const response = moby.buildkit.v1.SolveResponse.decode(Buffer.concat([bytes(0x0a, entry.length), entry]));
  expect(Object.getPrototypeOf(response.exporterResponse)).toBe(Object.prototype);
  expect(Object.entries(response.exporterResponse)).toEqual([["__proto__", "x"]]);
});

test("what decode gives can be encoded again as it is", () => {
  const { SolveRequest } = moby.buildkit.v1;
  const wire = SolveRequest.encode({
    ref: "r",
    exporterDeprecated: "moby",
    exporterAttrsDeprecated: { name: "a:b" },
    frontendInputs: { context: { def: [bytes(1, 2)], metadata: { d: { caps: { x: true } } } } },
    cache: { imports: [{ type: "local", attrs: { src: "s" } }] },
    exporters: [{ type: "local" }, { type: "tar", attrs: { a: "b" } }],
  }).finish();
  const decoded = SolveRequest.decode(wire);
  expect(decoded.frontendInputs.context?.metadata.d?.caps).toEqual({ x: true });
  expect(SolveRequest.encode(decoded).finish()).toEqual(wire);
});

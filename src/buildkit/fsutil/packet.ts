import { BuildKitError } from "../errors.js";
import { isSymlink } from "./mode.js";
import type { TreeEntry } from "./tree.js";
import { varintLength, WireReader, writeInt64, writeVarint } from "./wire.js";

/** `fsutil.types.Packet.PacketType`. */
export const packetType = { stat: 0, request: 1, data: 2, fin: 3, error: 4 } as const;

/** One message of either side, `fsutil.types.Packet` (type 1, stat 2, ID 3, data 4). */
export interface Packet {
  readonly type: number;
  readonly id: number;
  /** Absent in a packet of type stat: the walk is over. */
  readonly stat: TreeEntry | undefined;
  /** A view of the message. */
  readonly data: Uint8Array;
}

const nothing: Uint8Array = new Uint8Array(0);

/** Throws `protocol_violation` for anything that is not a packet; never reads beyond the message. */
export function decodePacket(message: Uint8Array): Packet {
  const reader = new WireReader(message);
  let type = 0;
  let id = 0;
  let stat: TreeEntry | undefined;
  let data = nothing;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        reader.expect(0);
        type = reader.number();
        break;
      case 2:
        reader.expect(2);
        stat = decodeStat(reader.view());
        break;
      case 3:
        reader.expect(0);
        id = reader.number();
        break;
      case 4:
        reader.expect(2);
        data = reader.view();
        break;
      default:
        reader.skip();
    }
  }
  if (id > 0xffff_ffff)
    throw new BuildKitError("protocol_violation", `The daemon named the file ${id}, beyond 32 bits.`);
  return { type, id, stat, data };
}

function decodeStat(bytes: Uint8Array): TreeEntry {
  const reader = new WireReader(bytes);
  let path = nothing;
  let linkname = nothing;
  let mode = 0;
  let uid = 0;
  let gid = 0;
  let size = 0;
  let modTime = 0n;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        reader.expect(2);
        path = reader.view();
        break;
      case 2:
        reader.expect(0);
        mode = reader.number();
        break;
      case 3:
        reader.expect(0);
        uid = reader.number();
        break;
      case 4:
        reader.expect(0);
        gid = reader.number();
        break;
      case 5:
        reader.expect(0);
        size = reader.number();
        break;
      case 6:
        reader.expect(0);
        modTime = reader.int64();
        break;
      case 7:
        reader.expect(2);
        linkname = reader.view();
        break;
      default:
        reader.skip();
    }
  }
  // Copies: an entry outlives its message, and a message may be a slice of a large receive buffer.
  const entry = { path: Buffer.from(path), mode: mode >>> 0, uid, gid, size, modTime };
  return linkname.length === 0 ? entry : { ...entry, linkname: Buffer.from(linkname) };
}

/** One entry of the walk. The size of a symlink is sent as the length of its target, as `lstat` has it. */
export function encodeStat(entry: TreeEntry): Buffer {
  const link = entry.linkname;
  // 64 covers every number and tag: 5 of up to 10 bytes, 7 tags, 2 lengths.
  const body = Buffer.allocUnsafe(64 + entry.path.length + (link?.length ?? 0));
  let at = writeBytes(body, 0, 0x0a, entry.path);
  at = writeNumber(body, at, 0x10, entry.mode);
  at = writeNumber(body, at, 0x18, entry.uid);
  at = writeNumber(body, at, 0x20, entry.gid);
  at = writeNumber(body, at, 0x28, isSymlink(entry.mode) ? (link?.length ?? 0) : entry.size);
  if (entry.modTime !== 0n) {
    body[at++] = 0x30;
    at = writeInt64(body, at, entry.modTime);
  }
  if (link !== undefined) at = writeBytes(body, at, 0x3a, link);
  const packet = Buffer.allocUnsafe(1 + varintLength(at) + at);
  packet[0] = 0x12;
  body.copy(packet, writeVarint(packet, 1, at), 0, at);
  return packet;
}

/** The end of the walk: a stat packet without stat, which is a message of no bytes. */
export const endOfWalk: Uint8Array = nothing;
export const finPacket: Uint8Array = Uint8Array.of(0x08, packetType.fin);

/** A piece of a file; without bytes the end of the file. */
export function encodeData(id: number, chunk: Uint8Array): Buffer {
  const head = 2 + (id === 0 ? 0 : 1 + varintLength(id));
  const length = chunk.length;
  const packet = Buffer.allocUnsafe(head + (length === 0 ? 0 : 1 + varintLength(length) + length));
  packet[0] = 0x08;
  packet[1] = packetType.data;
  let at = writeNumber(packet, 2, 0x18, id);
  if (length > 0) {
    packet[at++] = 0x22;
    packet.set(chunk, writeVarint(packet, at, length));
  }
  return packet;
}

export function encodeRequest(id: number): Buffer {
  const packet = Buffer.allocUnsafe(2 + (id === 0 ? 0 : 1 + varintLength(id)));
  packet[0] = 0x08;
  packet[1] = packetType.request;
  writeNumber(packet, 2, 0x18, id);
  return packet;
}

/** Tells the other side why the transfer ends; daemons show and log it. */
export function encodeError(message: string): Buffer {
  const text = Buffer.from(message);
  const packet = Buffer.allocUnsafe(3 + varintLength(text.length) + text.length);
  packet[0] = 0x08;
  packet[1] = packetType.error;
  packet[2] = 0x22;
  text.copy(packet, writeVarint(packet, 3, text.length));
  return packet;
}

/** Numbers that are 0 are left out, as protobuf does: the daemon's own id 0 arrives that way. */
function writeNumber(target: Uint8Array, at: number, tag: number, value: number): number {
  if (value === 0) return at;
  target[at] = tag;
  return writeVarint(target, at + 1, value);
}

function writeBytes(target: Uint8Array, at: number, tag: number, bytes: Uint8Array): number {
  if (bytes.length === 0) return at;
  target[at] = tag;
  const start = writeVarint(target, at + 1, bytes.length);
  target.set(bytes, start);
  return start + bytes.length;
}

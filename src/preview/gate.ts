import type { ContainerFile, HealthCheckSpec } from "../docker/index.js";
import { gateCode } from "./gate-code.js";

/**
 * A proxy sends requests to a container as soon as it runs, unless the engine says that it is not healthy yet. So whatever a service
 * has for a health check, the engine is given one that fails until we say otherwise: a program that looks whether a file may be
 * executed, and then asks what the service has for a check of its own. It is put into the container, as an image need not have any program at all; hence
 * a few bytes of machine code.
 */
const FOLDER = "/.galley";
const PROGRAM = `${FOLDER}/gate`;
const SWITCH = `${FOLDER}/open`;

/** A static executable of one segment (ELF, 64 bit, little-endian). Undefined for machines that we know no code for. */
export function gateProgram(architecture: string, path = SWITCH): Buffer | undefined {
  const known = gateCode(architecture);
  if (!known) return undefined;
  const text = Buffer.concat([known.text, Buffer.from(`${path}\0`)]);
  const [base, heads] = [0x400000n, 64 + 56];
  const elf = Buffer.alloc(heads);
  elf.write("7f454c46020101", "hex");
  elf.writeUInt16LE(2, 16); // an executable
  elf.writeUInt16LE(known.machine, 18);
  elf.writeUInt32LE(1, 20);
  elf.writeBigUInt64LE(base + BigInt(heads), 24); // where it begins
  elf.writeBigUInt64LE(64n, 32); // where the segments are told
  elf.writeUInt16LE(64, 52);
  elf.writeUInt16LE(56, 54);
  elf.writeUInt16LE(1, 56);
  elf.writeUInt16LE(64, 58);
  const size = BigInt(heads + text.length);
  elf.writeUInt32LE(1, 64); // a segment that is loaded,
  elf.writeUInt32LE(5, 68); // read and executed
  elf.writeBigUInt64LE(base, 80);
  elf.writeBigUInt64LE(base, 88);
  elf.writeBigUInt64LE(size, 96);
  elf.writeBigUInt64LE(size, 104);
  elf.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([elf, text]);
}

/** Put into the container before it starts. */
export function gateFile(architecture: string): ContainerFile | undefined {
  const content = gateProgram(architecture);
  return content && { target: PROGRAM, content, mode: 0o755 };
}

/** Opens or closes the gate. Closed is a file that may not be executed: the engine can put files into a container, not take them away. */
export function gateSwitch(open: boolean): ContainerFile {
  return { target: SWITCH, content: Buffer.alloc(0), mode: open ? 0o555 : 0o444 };
}

/** How often an engine looks that knows no other rhythm for the start (API below 1.44), in seconds. Each look starts a process. */
const OLD_INTERVAL_S = 5;

/** What an engine takes for the interval of a check that gives none, in seconds. */
const ENGINE_INTERVAL_S = 30;

/**
 * The health check that asks the gate: each second while the container starts, and then, as nothing changes any more, seldom. A service's own
 * check is asked behind the gate, at its own pace from the first success on.
 *
 * @param apiVersion `1.41`
 */
export function gateCheck(apiVersion: string, own?: HealthCheckSpec): HealthCheckSpec {
  const [major = 0, minor = 0] = apiVersion.split(".").map(Number);
  const common = {
    test: ["CMD", PROGRAM, ...programOf(own?.test ?? [])],
    timeoutSeconds: own?.timeoutSeconds ?? 30,
    // Until the gate is open no failure counts.
    startPeriodSeconds: 86_400,
    retries: own?.retries ?? 3,
  };
  const interval = own ? (own.intervalSeconds ?? ENGINE_INTERVAL_S) : 3_600;
  return major > 1 || minor >= 44
    ? { ...common, intervalSeconds: interval, startIntervalSeconds: 1 }
    : { ...common, intervalSeconds: Math.min(interval, OLD_INTERVAL_S) };
}

/** The program of a health check, as the engine would run it. */
function programOf([how, ...rest]: readonly string[]): readonly string[] {
  return how === "CMD-SHELL" ? ["/bin/sh", "-c", ...rest] : rest;
}

/** What is asked behind the gate of a container, by its health check; empty where nothing is. */
export function behindGate([how, program, ...rest]: readonly string[]): readonly string[] {
  return how === "CMD" && program === PROGRAM ? rest : [];
}

import type { ContainerFile, HealthCheckSpec } from "../docker/index.js";

/**
 * A proxy sends requests to a container as soon as it runs, unless the engine says that it is not healthy yet. So whatever a service
 * has for a health check, the engine is given one that fails until we say otherwise: a program that looks whether a file may be
 * executed. It is put into the container, as an image need not have any program at all; hence a few bytes of machine code.
 */
const FOLDER = "/.galley";
const PROGRAM = `${FOLDER}/gate`;
const SWITCH = `${FOLDER}/open`;

/** `access(SWITCH, X_OK) == 0 ? 0 : 1`. The path follows at the end; its address is relative to the program. */
const code: Readonly<Record<string, { readonly machine: number; readonly text: (path: Buffer) => Buffer }>> =
  {
    amd64: {
      machine: 62,
      text: (path) =>
        Buffer.concat([
          Buffer.from("b815000000", "hex"), // mov eax, 21 (access)
          Buffer.from("488d3d15000000", "hex"), // lea rdi, [rip + 21]: the path
          Buffer.from("be01000000", "hex"), // mov esi, 1 (X_OK)
          Buffer.from("0f05", "hex"), // syscall
          Buffer.from("89c7c1ef1f", "hex"), // mov edi, eax; shr edi, 31
          Buffer.from("b83c000000", "hex"), // mov eax, 60 (exit)
          Buffer.from("0f05", "hex"), // syscall
          Buffer.from("9090", "hex"), // nothing, so that the path stands where it is looked for
          path,
        ]),
    },
    arm64: {
      machine: 183,
      text: (path) => {
        const words = [
          0x92800c60, // mov x0, -100 (AT_FDCWD)
          0x100000e1, // adr x1, . + 28: the path
          0xd2800022, // mov x2, 1 (X_OK)
          0xd2800608, // mov x8, 48 (faccessat)
          0xd4000001, // svc 0
          0xd37ffc00, // lsr x0, x0, 63
          0xd2800ba8, // mov x8, 93 (exit)
          0xd4000001, // svc 0
        ];
        const text = Buffer.alloc(words.length * 4);
        for (const [index, word] of words.entries()) text.writeUInt32LE(word, index * 4);
        return Buffer.concat([text, path]);
      },
    },
  };

/** A static executable of one segment (ELF, 64 bit, little-endian). Undefined for machines that we know no code for. */
export function gateProgram(architecture: string, path = SWITCH): Buffer | undefined {
  const known = code[architecture];
  if (!known) return undefined;
  const text = known.text(Buffer.from(`${path}\0`));
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

/**
 * The health check that asks the gate: each second while the container starts, and then, as nothing changes any more, seldom.
 *
 * @param apiVersion `1.41`
 */
export function gateCheck(apiVersion: string): HealthCheckSpec {
  const [major = 0, minor = 0] = apiVersion.split(".").map(Number);
  const common = { test: ["CMD", PROGRAM], timeoutSeconds: 30, startPeriodSeconds: 86_400, retries: 3 };
  return major > 1 || minor >= 44
    ? { ...common, intervalSeconds: 3_600, startIntervalSeconds: 1 }
    : { ...common, intervalSeconds: OLD_INTERVAL_S };
}

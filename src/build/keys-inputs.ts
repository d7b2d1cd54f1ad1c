import { type Instruction, parseDockerfile } from "./keys-dockerfile.js";

/** What a Dockerfile takes in beside its own text, for one target. */
export interface DockerfileInputs {
  /** Images as they are written: bases, `--from=IMAGE`, the frontend of a `# syntax=` line. Without repetitions. */
  readonly images: readonly string[];
  /** Paths of the context that COPY, ADD and mounts take, clean and relative; `all`: any of it. */
  readonly paths: readonly string[] | "all";
}

export interface InputOptions {
  /** Stage that is built. Default: the last. */
  readonly target?: string | undefined;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** `os/arch` of engine and result. */
  readonly platform: string;
}

/** Why the inputs cannot be told without building. */
export interface Unknown {
  readonly unknown: string;
}

interface Stage {
  readonly name: string | undefined;
  readonly base: string;
  readonly instructions: Instruction[];
}

/** A reference that only BuildKit can judge: a variable in a place where it is not expanded here. */
class NotUnderstood {
  readonly why: string;
  constructor(why: string) {
    this.why = why;
  }
}

/**
 * Reads what enters the build of a Dockerfile: the images, and the part of the context. Only stages that the target needs count,
 * as BuildKit builds no others. What comes from the network at build time (ADD of a URL) makes the inputs unknown. Triggers of
 * base images (ONBUILD) cannot be seen here: what is found has to be compared with what the daemon asked for.
 */
export function dockerfileInputs(text: string, options: InputOptions): DockerfileInputs | Unknown {
  try {
    return collect(text, options);
  } catch (error) {
    if (error instanceof NotUnderstood) return { unknown: error.why };
    throw error;
  }
}

function collect(text: string, options: InputOptions): DockerfileInputs {
  const parsed = parseDockerfile(text);
  if (!parsed) throw new NotUnderstood("the Dockerfile cannot be followed");
  const stages = stagesOf(parsed.instructions, options);
  const last = stages.length - 1;
  const start = options.target === undefined ? last : stageIndex(stages, options.target, stages.length);
  if (start === undefined || start < 0) throw new NotUnderstood("the target is not in the Dockerfile");
  const images = new Set<string>();
  const paths = new Set<string>();
  let all = false;
  if (parsed.syntax) images.add(parsed.syntax);
  const syntaxArg = options.buildArgs.BUILDKIT_SYNTAX;
  if (syntaxArg) images.add(syntaxArg);

  const seen = new Set<number>();
  const visit = (index: number): void => {
    if (seen.has(index)) return;
    seen.add(index);
    const stage = stages[index];
    if (!stage) return;
    from(stage.base, index);
    for (const instruction of stage.instructions) take(instruction, index);
  };
  const from = (reference: string, before: number): void => {
    if (reference.includes("$")) throw new NotUnderstood(`${reference} names an image by a variable`);
    const index = stageIndex(stages, reference, before);
    if (index !== undefined) visit(index);
    else if (reference.toLowerCase() !== "scratch") images.add(reference);
  };
  const take = (instruction: Instruction, index: number): void => {
    const flag = (name: string) => instruction.flags.find((one) => one.name === name)?.value;
    if (instruction.name === "RUN") {
      for (const { name, value } of instruction.flags) if (name === "mount") mount(value, index);
      return;
    }
    if (instruction.name !== "COPY" && instruction.name !== "ADD") return;
    const source = flag("from");
    if (source !== undefined) {
      from(source, index);
      return;
    }
    const wanted = sourcesOf(instruction);
    if (wanted === "all") {
      if (instruction.name === "ADD") throw new NotUnderstood("ADD takes something by a variable");
      all = true;
      return;
    }
    for (const one of wanted) {
      if (instruction.name === "ADD" && isRemote(one))
        throw new NotUnderstood(`ADD takes ${one} from the network`);
      path(one);
    }
  };
  const mount = (value: string, index: number): void => {
    const fields = new Map(
      value.split(",").map((field): [string, string] => {
        const [key = "", ...rest] = field.split("=");
        return [key.trim().toLowerCase(), rest.join("=")];
      }),
    );
    const source = fields.get("from");
    if (source !== undefined) {
      from(source, index);
      return;
    }
    if ((fields.get("type") ?? "bind") !== "bind") return;
    path(fields.get("source") ?? fields.get("src") ?? "/");
  };
  const path = (one: string): void => {
    const clean = contextPath(one);
    if (clean === undefined || clean === "") all = true;
    else paths.add(clean);
  };

  visit(start);
  return { images: [...images].sort(), paths: all ? "all" : [...paths].sort() };
}

function stagesOf(instructions: readonly Instruction[], { buildArgs, platform }: InputOptions): Stage[] {
  const known = new Map(Object.entries(platformArgs(platform)));
  const stages: Stage[] = [];
  for (const instruction of instructions) {
    const stage = stages.at(-1);
    if (instruction.name === "FROM") {
      const [, image = "", name] = /^(\S+)(?:\s+AS\s+(\S+))?$/i.exec(instruction.rest) ?? [];
      if (image === "") throw new NotUnderstood("a FROM line cannot be followed");
      stages.push({ name: name?.toLowerCase(), base: expand(image, known), instructions: [] });
    } else if (stage) {
      stage.instructions.push(instruction);
    } else if (instruction.name === "ARG") {
      for (const word of instruction.rest.split(/\s+/)) declare(word, known, buildArgs);
    } else {
      throw new NotUnderstood(`${instruction.name} stands before the first FROM`);
    }
  }
  return stages;
}

/** An ARG in front of the first FROM: the only ones that FROM lines see. */
function declare(
  word: string,
  known: Map<string, string>,
  buildArgs: Readonly<Record<string, string>>,
): void {
  const equals = word.indexOf("=");
  const name = equals < 0 ? word : word.slice(0, equals);
  const given = Object.hasOwn(buildArgs, name) ? buildArgs[name] : undefined;
  if (given !== undefined) known.set(name, given);
  else if (equals >= 0) known.set(name, expand(unquoted(word.slice(equals + 1)), known));
}

function unquoted(text: string): string {
  const [, , inner] = /^(["'])(.*)\1$/.exec(text) ?? [];
  return inner ?? text;
}

function platformArgs(platform: string): Record<string, string> {
  const [os = "", arch = "", variant = ""] = platform.split("/");
  return Object.fromEntries(
    ["BUILD", "TARGET"].flatMap((kind) => [
      [`${kind}PLATFORM`, platform],
      [`${kind}OS`, os],
      [`${kind}ARCH`, arch],
      [`${kind}VARIANT`, variant],
    ]),
  );
}

const reference = /\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+])([^${}]*))?\})/g;

/** `$X`, `${X}`, and with `-`, `:-`, `+`, `:+`. Throws for every other form of expansion, and for quotes. */
function expand(text: string, known: ReadonlyMap<string, string>): string {
  const plain = unquoted(text);
  if (/["'\\`]/.test(plain)) throw new NotUnderstood(`${text} is quoted in a way that is not followed here`);
  if (plain.replace(reference, "").includes("$"))
    throw new NotUnderstood(`${text} is expanded in a way that is not followed here`);
  return plain.replace(reference, (_, short, long, operator, word = "") => {
    const value = known.get(short ?? long);
    const counts = operator?.startsWith(":") ? value !== undefined && value !== "" : value !== undefined;
    if (operator?.endsWith("-")) return counts ? (value ?? "") : word;
    if (operator?.endsWith("+")) return counts ? word : "";
    return value ?? "";
  });
}

/** Stage names are compared without case, and a number counts from 0; only earlier stages can be meant. */
function stageIndex(stages: readonly Stage[], name: string, before: number): number | undefined {
  const wanted = name.toLowerCase();
  for (let index = Math.min(before, stages.length) - 1; index >= 0; index--) {
    if (stages[index]?.name === wanted) return index;
  }
  const number = /^\d+$/.test(name) ? Number(name) : Number.NaN;
  return number < Math.min(before, stages.length) ? number : undefined;
}

/** The sources of a COPY or ADD, without its destination; `all` where they cannot be told. */
function sourcesOf({ rest, heredocs }: Instruction): readonly string[] | "all" {
  let words: readonly string[];
  if (rest.startsWith("[")) {
    try {
      const list: unknown = JSON.parse(rest);
      if (!Array.isArray(list) || !list.every((word) => typeof word === "string")) return "all";
      words = list;
    } catch {
      return "all";
    }
  } else {
    if (/["'\\`]/.test(rest.replace(/\d*<<-?(["']?)[\w.-]+\1/g, ""))) return "all";
    words = rest.split(/\s+/);
  }
  const sources = words.slice(0, -1).filter((word) => !(heredocs.length > 0 && /^\d*<</.test(word)));
  return sources.some((word) => word.includes("$")) ? "all" : sources;
}

function isRemote(source: string): boolean {
  return (
    /^[a-z][a-z0-9+.-]*:\/\//i.test(source) || /^[^/\s]+@[^/\s]+:/.test(source) || /\.git(#|$)/.test(source)
  );
}

/** Relative to the context's root, up to the first component with a wildcard; empty for the root itself. */
function contextPath(source: string): string {
  const parts: string[] = [];
  for (const part of source.split("/")) {
    if (/[*?[\\]/.test(part)) break;
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return parts.join("/");
}

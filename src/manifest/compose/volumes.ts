import type { ServiceFile, ServiceVolume } from "../manifest.js";
import { suggestion } from "../text/findings.js";
import { type Located, type LocatedMap, shown } from "../text/located.js";
import { checkKeys } from "./keys.js";
import { contentOf } from "./mounted-files.js";
import { pathOf, type Scope } from "./scope.js";
import { booleanOf, itemsOf, textOf } from "./values.js";

export interface ServiceMounts {
  readonly volumes: readonly ServiceVolume[];
  /** Files of the repository that the compose file mounts from the machine. */
  readonly files: readonly ServiceFile[];
}

interface Mount {
  readonly type: string;
  readonly source: string | undefined;
  readonly target: string;
  readonly readOnly: boolean;
  readonly item: Located;
  /** Of the source, for its place. */
  readonly from: Located;
}

const accepted = "a volume such as data:/var/lib/data";
const longKeys = {
  read: ["type", "source", "target", "read_only", "volume", "bind", "tmpfs"],
  leftOut: { consistency: "", image: "previews mount no images" },
};

/** `volumes` of a service: those with names are kept, files of the repository are copied, and the machine's directories are left out. */
export async function mountsOf(
  scope: Scope,
  located: Located | undefined,
  declared: LocatedMap | undefined,
  where: string,
): Promise<ServiceMounts> {
  const { findings } = scope;
  const byTarget = new Map<string, Mount>();
  for (const item of itemsOf(located, where, findings)) {
    const mount = item.kind === "map" ? longMount(scope, item, where) : shortMount(scope, item, where);
    if (mount) byTarget.set(mount.target, mount);
  }
  const volumes: ServiceVolume[] = [];
  const files: ServiceFile[] = [];
  const leftOut: string[] = [];
  const mounts = [...byTarget.values()];
  for (const mount of mounts.filter(({ type }) => type === "bind")) {
    const file = await fileOf(scope, mount, where);
    if (file) files.push(file);
    else leftOut.push(mount.target);
  }
  for (const { type, source, target, readOnly, item, from } of mounts) {
    if (type === "bind") continue;
    if (type !== "volume") {
      findings.warn(item.place, `${where}: the ${type} mount at ${target} is left out; accepted: volumes`);
    } else if (leftOut.some((above) => target.startsWith(`${above.replace(/\/$/, "")}/`))) {
      // It only kept the machine's directory from hiding what the image has there, and would hide that from now on.
      findings.warn(
        item.place,
        `${where}: the volume at ${target} is left out, as the bind mount around it is`,
      );
    } else if (source !== undefined && !declared?.entries.has(source)) {
      const names = [...(declared?.entries.keys() ?? [])];
      findings.problem(
        from.place,
        `${where}: found ${source}, which is not in the file's volumes${suggestion(source, names, "its volumes")}`,
      );
    } else volumes.push({ ...(source === undefined ? {} : { name: source }), target, readOnly });
  }
  return { volumes, files };
}

async function fileOf(
  scope: Scope,
  { source = "", target, item, from }: Mount,
  where: string,
): Promise<ServiceFile | undefined> {
  const { findings, repository } = scope;
  const outside = source.startsWith("/") || source.startsWith("~");
  const path = outside || source === "" ? undefined : pathOf(scope, from, source, where);
  if (path === undefined && !outside) return undefined;
  const mode =
    path === undefined || path === "" ? undefined : (await repository.modes([path])).get(path)?.mode;
  if (path === undefined || mode === undefined || !mode.startsWith("100")) {
    const why = outside ? "previews see nothing of their machine" : "the image has to have what it needs";
    return void findings.warn(
      item.place,
      `${where}: the bind mount of ${source} at ${target} is left out: ${why}`,
    );
  }
  const bytes = await repository.get(path, findings, from.place);
  if (!bytes) return undefined;
  findings.warn(item.place, `${where}: ${path} is copied to ${target} instead of being mounted`);
  return { target, content: contentOf(bytes), mode: mode === "100755" ? 0o755 : 0o644 };
}

function shortMount(scope: Scope, item: Located, where: string): Mount | undefined {
  const text = textOf(item, where, scope.findings, accepted);
  if (text === undefined) return undefined;
  const parts = text.split(":");
  const [source, target, mode] = parts.length === 1 ? [undefined, parts[0], undefined] : parts;
  if (parts.length > 3 || !isTarget(target) || source === "") {
    return void scope.findings.problem(item.place, `${where}: found ${shown(item)}; accepted: ${accepted}`);
  }
  const type = source !== undefined && /^[./~]/.test(source) ? "bind" : "volume";
  return {
    type,
    source,
    target: clean(target),
    readOnly: (mode ?? "").split(",").includes("ro"),
    item,
    from: item,
  };
}

function longMount(scope: Scope, item: LocatedMap, where: string): Mount | undefined {
  const { findings } = scope;
  checkKeys(item, where, longKeys, findings);
  const value = (key: string) => item.entries.get(key)?.value;
  const type = textOf(value("type"), `${where}.type`, findings, "volume, bind or tmpfs");
  const source = textOf(value("source"), `${where}.source`, findings, "the name of a volume");
  const target = textOf(value("target"), `${where}.target`, findings, "an absolute path");
  if (type === undefined || !["volume", "bind", "tmpfs", "npipe", "cluster", "image"].includes(type)) {
    return void findings.problem(
      value("type")?.place ?? item.place,
      `${where}.type: found ${shown(value("type"))}; accepted: volume, bind or tmpfs`,
    );
  }
  if (!isTarget(target)) {
    return void findings.problem(
      value("target")?.place ?? item.place,
      `${where}.target: found ${shown(value("target"))}; accepted: an absolute path`,
    );
  }
  const readOnly = booleanOf(value("read_only"), `${where}.read_only`, findings) ?? false;
  return { type, source, target: clean(target), readOnly, item, from: value("source") ?? item };
}

const isTarget = (target: string | undefined): target is string =>
  target !== undefined &&
  /^\/[^\0:]*$/.test(target) &&
  !target.split("/").includes("..") &&
  clean(target) !== "/";

const clean = (path: string) =>
  `/${path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/")}`;

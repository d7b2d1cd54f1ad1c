import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";
import { expect, test } from "vitest";
import * as proto from "./index.js";

const folder = dirname(fileURLToPath(import.meta.url));

function reflect(): protobuf.Root {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".proto"),
  );
  const root = new protobuf.Root();
  root.resolvePath = (_, target) => (files.includes(target) ? join(folder, target) : target);
  root.loadSync(files, { keepCase: true }).resolveAll();
  return root;
}

const root = reflect();

// "number type" of the fields a build depends on, as BuildKit's API of 0.8 (those without a version) up to 0.32 has them.
// Written down apart from the .proto files: a slip there shows here. `[]` is a list, `{k v}` a map.
const facts: Record<string, Record<string, string>> = {
  "moby.buildkit.v1.SolveRequest": {
    ref: "1 string",
    definition: "2 pb.Definition",
    exporter_deprecated: "3 string",
    exporter_attrs_deprecated: "4 {string string}",
    session: "5 string",
    frontend: "6 string",
    frontend_attrs: "7 {string string}",
    cache: "8 moby.buildkit.v1.CacheOptions",
    entitlements: "9 []string",
    frontend_inputs: "10 {string pb.Definition}",
    internal: "11 bool",
    source_policy: "12 moby.buildkit.v1.sourcepolicy.Policy",
    exporters: "13 []moby.buildkit.v1.Exporter",
    enable_session_exporter: "14 bool",
    source_policy_session: "15 string",
    compatibility_version: "16 int64",
    proxy_network: "17 bool",
  },
  "moby.buildkit.v1.CacheOptions": {
    export_ref_deprecated: "1 string",
    import_refs_deprecated: "2 []string",
    export_attrs_deprecated: "3 {string string}",
    exports: "4 []moby.buildkit.v1.CacheOptionsEntry",
    imports: "5 []moby.buildkit.v1.CacheOptionsEntry",
  },
  "moby.buildkit.v1.PruneRequest": {
    filter: "1 []string",
    all: "2 bool",
    keep_duration: "3 int64",
    reserved_space: "4 int64",
    max_used_space: "5 int64",
    min_free_space: "6 int64",
  },
  "moby.buildkit.v1.types.GCPolicy": {
    all: "1 bool",
    keep_duration: "2 int64",
    reserved_space: "3 int64",
    filters: "4 []string",
    max_used_space: "5 int64",
    min_free_space: "6 int64",
  },
  "moby.buildkit.v1.Vertex": {
    digest: "1 string",
    inputs: "2 []string",
    name: "3 string",
    cached: "4 bool",
    started: "5 google.protobuf.Timestamp",
    completed: "6 google.protobuf.Timestamp",
    error: "7 string",
    progress_group: "8 pb.ProgressGroup",
  },
  "moby.buildkit.v1.VertexLog": {
    vertex: "1 string",
    timestamp: "2 google.protobuf.Timestamp",
    stream: "3 int64",
    msg: "4 bytes",
  },
  "moby.buildkit.v1.Descriptor": {
    media_type: "1 string",
    digest: "2 string",
    size: "3 int64",
    annotations: "5 {string string}",
  },
  "moby.buildkit.v1.frontend.SolveRequest": {
    definition: "1 pb.Definition",
    frontend: "2 string",
    frontend_opt: "3 {string string}",
    allow_result_return: "5 bool",
    allow_result_array_ref: "6 bool",
    final: "10 bool",
    exporter_attr: "11 bytes",
    cache_imports: "12 []moby.buildkit.v1.frontend.CacheOptionsEntry",
    frontend_inputs: "13 {string pb.Definition}",
    evaluate: "14 bool",
    source_policies: "15 []moby.buildkit.v1.sourcepolicy.Policy",
  },
  "moby.buildkit.v1.frontend.Result": {
    ref_deprecated: "1 string",
    refs_deprecated: "2 moby.buildkit.v1.frontend.RefMapDeprecated",
    ref: "3 moby.buildkit.v1.frontend.Ref",
    refs: "4 moby.buildkit.v1.frontend.RefMap",
    metadata: "10 {string bytes}",
    attestations: "12 {string moby.buildkit.v1.frontend.Attestations}",
  },
  "pb.Op": {
    inputs: "1 []pb.Input",
    exec: "2 pb.ExecOp",
    source: "3 pb.SourceOp",
    file: "4 pb.FileOp",
    build: "5 pb.BuildOp",
    merge: "6 pb.MergeOp",
    diff: "7 pb.DiffOp",
    passthrough: "8 pb.PassthroughOp",
    platform: "10 pb.Platform",
    constraints: "11 pb.WorkerConstraints",
  },
  "pb.Meta": {
    args: "1 []string",
    env: "2 []string",
    cwd: "3 string",
    user: "4 string",
    proxy_env: "5 pb.ProxyEnv",
    extra_hosts: "6 []pb.HostIP",
    hostname: "7 string",
    ulimit: "9 []pb.Ulimit",
    cgroup_parent: "10 string",
    remove_mount_stubs_recursive: "11 bool",
    valid_exit_codes: "12 []int32",
  },
  "pb.Mount": {
    input: "1 int64",
    selector: "2 string",
    dest: "3 string",
    output: "4 int64",
    readonly: "5 bool",
    mount_type: "6 pb.MountType",
    tmpfs_opt: "19 pb.TmpfsOpt",
    cache_opt: "20 pb.CacheOpt",
    secret_opt: "21 pb.SecretOpt",
    ssh_opt: "22 pb.SSHOpt",
    result_id: "23 string",
    content_cache: "24 pb.MountContentCache",
  },
  "pb.OpMetadata": {
    ignore_cache: "1 bool",
    description: "2 {string string}",
    export_cache: "4 pb.ExportCache",
    caps: "5 {string bool}",
    progress_group: "6 pb.ProgressGroup",
    linux_resources: "7 pb.LinuxResources",
  },
  "pb.FileOp": { actions: "2 []pb.FileAction" },
  "fsutil.types.Stat": {
    path: "1 bytes",
    mode: "2 uint32",
    uid: "3 uint32",
    gid: "4 uint32",
    size: "5 int64",
    mod_time: "6 int64",
    linkname: "7 bytes",
    devmajor: "8 int64",
    devminor: "9 int64",
    xattrs: "10 {string bytes}",
  },
  "google.rpc.Status": { code: "1 int32", message: "2 string", details: "3 []google.protobuf.Any" },
};

function describeField(field: protobuf.Field): string {
  const type = field.resolvedType ? field.resolvedType.fullName.slice(1) : field.type;
  if (field instanceof protobuf.MapField) return `${field.id} {${field.keyType} ${type}}`;
  return `${field.id} ${field.repeated ? "[]" : ""}${type}`;
}

test.each(Object.entries(facts))("%s has BuildKit's field numbers and types", (name, fields) => {
  const actual = root.lookupType(name).fieldsArray.map((field) => [field.name, describeField(field)]);
  expect(Object.fromEntries(actual)).toEqual(fields);
});

test("every service of the .proto files is in the tables, with its paths, directions and message types", () => {
  const declared: string[] = [];
  const walk = (namespace: protobuf.NamespaceBase): void => {
    for (const item of namespace.nestedArray) {
      if (item instanceof protobuf.Service) {
        for (const method of item.methodsArray) {
          declared.push(
            [
              `/${item.fullName.slice(1)}/${method.name}`,
              method.requestStream ?? false,
              method.responseStream ?? false,
              method.resolvedRequestType?.fullName.slice(1),
              method.resolvedResponseType?.fullName.slice(1),
            ].join(" "),
          );
        }
      } else if (item instanceof protobuf.Namespace) walk(item);
    }
  };
  walk(root);

  const typeNames = namesOfMessageTypes();
  const { FileSendTree, ...services } = tables();
  const described = Object.values(services).flatMap(({ name, methods }) =>
    Object.entries(methods).map(([method, { path, requestStream, responseStream, ...codecs }]) => {
      expect(path).toBe(`/${name}/${method}`);
      const request = typeNames.get(codecs.decodeRequest(new Uint8Array()).constructor);
      const response = typeNames.get(codecs.decodeResponse(new Uint8Array()).constructor);
      return [path, requestStream, responseStream, request, response].join(" ");
    }),
  );
  expect(described.sort()).toEqual(declared.sort());
  expect(FileSendTree?.methods.DiffCopy?.path).toBe(proto.FileSend.methods.DiffCopy.path);
});

interface Table {
  name: string;
  methods: Record<
    string,
    {
      path: string;
      requestStream: boolean;
      responseStream: boolean;
      decodeRequest(bytes: Uint8Array): object;
      decodeResponse(bytes: Uint8Array): object;
    }
  >;
}

/** Whatever the door exports that looks like a service. */
function tables(): Record<string, Table> {
  const found: Record<string, Table> = {};
  for (const [name, value] of Object.entries<unknown>({ ...proto })) {
    if (typeof value === "object" && value !== null && "methods" in value) found[name] = value as Table;
  }
  return found;
}

/** The full name of every generated message class. */
function namesOfMessageTypes(): Map<unknown, string> {
  const { containerd, fsutil, google, grpc, moby, pb } = proto;
  const names = new Map<unknown, string>();
  const walk = (prefix: string, value: unknown): void => {
    if (typeof value === "function") names.set(value, prefix);
    else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) walk(`${prefix}.${key}`, inner);
    }
  };
  for (const [name, namespace] of Object.entries({ containerd, fsutil, google, grpc, moby, pb }))
    walk(name, namespace);
  return names;
}

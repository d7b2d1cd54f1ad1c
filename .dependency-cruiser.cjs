// The arrows of the design, as rules. cli -> agent, server -> build, preview -> cache, source, manifest -> buildkit,
// docker -> proto. A room may import the rooms below it and nothing above it; `errors`, `events` and `cache-api` are
// leaves of small value types.
const layers = {
  proto: [],
  "src/errors": [],
  "src/events": [],
  "src/cache-api": [],
  "src/buildkit": ["proto"],
  "src/docker": ["proto", "src/errors"],
  "src/source": ["src/buildkit", "src/docker", "src/errors"],
  "src/manifest": ["src/buildkit", "src/docker", "src/errors"],
  cache: ["src/cache-api", "src/buildkit", "src/docker", "src/errors"],
  "src/build": ["cache", "src/source", "src/manifest", "src/buildkit", "src/docker", "src/errors"],
  "src/preview": ["cache", "src/source", "src/manifest", "src/buildkit", "src/docker", "src/errors"],
  "src/ingress": ["src/docker", "src/errors"],
  "src/bus": ["src/cache-api", "src/events", "src/errors"],
  "src/agent": [
    "src/build",
    "src/preview",
    "cache",
    "src/source",
    "src/manifest",
    "src/buildkit",
    "src/docker",
    "src/bus",
    "src/cache-api",
    "src/events",
    "src/errors",
  ],
  "src/server": ["src/bus", "src/cache-api", "src/events", "src/errors"],
  // Talks HTTP: of ours it may know the form of events and of answers about caches, and nothing else.
  "src/dashboard": ["src/cache-api", "src/events"],
  "src/cli": [
    "src/agent",
    "src/server",
    "src/ingress",
    "src/build",
    "src/preview",
    "cache",
    "src/source",
    "src/manifest",
    "src/buildkit",
    "src/docker",
    "src/cache-api",
    "src/events",
    "src/errors",
  ],
};
const rooms = Object.keys(layers);
const inRoom = (room) => `^${room}/`;

module.exports = {
  forbidden: [
    { name: "no-circles", severity: "error", from: {}, to: { circular: true } },
    { name: "unresolved", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "no-tests-in-product",
      severity: "error",
      from: { path: "^(src|cache|proto)/", pathNot: "\\.test\\.ts$" },
      to: { path: "(^test/|\\.test\\.ts$|^scripts/)" },
    },
    {
      name: "no-room-behind-the-dashboard",
      comment: "The browser's code is built apart from all other.",
      severity: "error",
      from: { pathNot: "^src/dashboard/" },
      to: { path: "^src/dashboard/" },
    },
    ...rooms.map((room) => ({
      name: `arrows-of-${room.replace("src/", "")}`,
      severity: "error",
      from: { path: inRoom(room), pathNot: "\\.test\\.ts$" },
      to: { path: rooms.filter((other) => other !== room && !layers[room].includes(other)).map(inRoom) },
    })),
    ...rooms
      .filter((room) => room !== "proto" && room !== "src/dashboard")
      .map((room) => ({
        name: `one-door-of-${room.replace("src/", "")}`,
        comment: "Other rooms import a room's index.ts and nothing behind it.",
        severity: "error",
        from: { path: rooms.filter((other) => other !== room).map(inRoom) },
        to: { path: inRoom(room), pathNot: `^${room}/index\\.ts$` },
      })),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^dist/|^proto/gen/|^test/fixtures/|^examples/)" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "types", "default"],
      extensions: [".ts", ".tsx", ".js", ".mjs", ".d.ts"],
    },
  },
};

// services.js FOLDER PREFIX SERVICE...: builds the services of a repository in one process, over one connection, as the
// agent does. Every step anew; images are named PREFIX/SERVICE.
import { join } from "node:path";
import { buildServices, emptyRequest } from "../../../src/build/index.js";
import { BuildKitClient, createRegistryAuth, loadDockerConfig } from "../../../src/buildkit/index.js";

const [folder = "", prefix = "", ...services] = process.argv.slice(2);
const { env } = process;
const client = await BuildKitClient.connect(undefined, { env });
try {
  const auth = createRegistryAuth({ config: await loadDockerConfig(undefined, env), env });
  await buildServices(
    client,
    services.map((service) => ({
      service,
      request: {
        ...emptyRequest({ kind: "directory", path: folder }),
        dockerfile: { kind: "file", path: join(folder, "services", service, "Dockerfile") },
        tags: [`${prefix}${service}`],
        noCache: true,
        attestations: { provenance: null },
      },
    })),
    {
      signal: AbortSignal.timeout(240_000),
      cwd: folder,
      auth,
      parallel: services.length,
      progress: () => ({}),
    },
  );
} finally {
  await client.close();
}

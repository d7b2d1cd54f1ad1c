// solve.js FOLDER true|false: one solve of a folder, with the lines of every step (gateway mode) or without. Prints its
// milliseconds: the process and the connection are not what is compared.
import { BuildKitClient, createDirectoryTree } from "../../../src/buildkit/index.js";

const [folder = "", sourceMap] = process.argv.slice(2);
const client = await BuildKitClient.connect();
try {
  const solve = async () => {
    const tree = createDirectoryTree(folder);
    await client.solve({
      sourceMap: sourceMap === "true",
      trees: { context: tree, dockerfile: tree },
      sharedKey: folder,
      signal: AbortSignal.timeout(60_000),
    });
  };
  await solve();
  const startedAt = performance.now();
  await solve();
  console.log(performance.now() - startedAt);
} finally {
  await client.close();
}

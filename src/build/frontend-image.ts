/** The frontends of the Dockerfile's makers: programs that do what a Dockerfile says, and nothing else. */
const trusted = /^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?:[:@][\w.:@+-]*)?$/;

/**
 * Who reads a Dockerfile: the engine by itself, or an image that it names by `# syntax=` or BUILDKIT_SYNTAX. A frontend is a program that
 * asks BuildKit for whatever it likes while it makes the graph, which nobody sees.
 *
 * @returns undefined for the engine's own; `trusted`: one of docker/dockerfile
 */
export function frontendImage(
  dockerfile: string,
  buildArgs: Readonly<Record<string, string>>,
): { readonly image: string; readonly trusted: boolean } | undefined {
  const named = [...syntaxLines(dockerfile)];
  const { BUILDKIT_SYNTAX: argument } = buildArgs;
  if (argument) named.push(argument);
  const images = named.map((text) => text.trim().split(/\s/)[0] ?? "");
  const foreign = images.find((image) => !trusted.test(image));
  const [image] = images;
  if (foreign !== undefined) return { image: foreign, trusted: false };
  return image === undefined ? undefined : { image, trusted: true };
}

/** Of the directives at the very top, as BuildKit's DetectSyntax has them (frontend/dockerfile/parser/directives.go). */
function* syntaxLines(dockerfile: string): Generator<string> {
  const lines = dockerfile.replace(/^\uFEFF/, "").split(/\r?\n/);
  if (lines[0]?.startsWith("#!")) lines.shift();
  for (const line of lines) {
    const [, name, value] = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) return;
    if (name.toLowerCase() === "syntax") yield value;
  }
}

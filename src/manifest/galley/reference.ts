import { galleyJsonSchema, type SchemaPart } from "./json-schema.js";

/** The keys of galley.yml as tables of Markdown, one for each map, from the schema's descriptions. */
export function galleyReference(): string {
  const root = galleyJsonSchema();
  const sections: string[] = [];
  const visit = (part: SchemaPart, path: string) => {
    const rows = Object.entries(part.properties ?? {}).map(([key, inner]) => {
      const needed = part.required?.includes(key) ? " (required)" : "";
      return `| \`${key}\`${needed} | ${shapeOf(inner)} | ${(inner.description ?? "").replaceAll("|", "\\|")} |`;
    });
    if (rows.length === 0) return;
    sections.push(`### ${path}\n\n| key | value | meaning |\n| --- | --- | --- |\n${rows.join("\n")}`);
    for (const [key, inner] of Object.entries(part.properties ?? {})) visitBelow(inner, key, path);
  };
  const visitBelow = (part: SchemaPart, key: string, above: string) => {
    const path = above === "The file" ? key : `${above}.${key}`;
    if (part.properties) visit(part, path);
    if (part.additionalProperties) visitBelow(part.additionalProperties, "NAME", path);
    if (part.items) visitBelow(part.items, "[]", path);
    // The forms of a union differ in the list around them; one table says what is in them.
    const [first] = (part.anyOf ?? []).filter((form) => form.properties ?? form.items?.properties);
    if (first) visit(first.properties ? first : (first.items as SchemaPart), path);
  };
  visit(root, "The file");
  return sections.join("\n\n");
}

function shapeOf(
  part: SchemaPart & { readonly enum?: readonly unknown[]; readonly const?: unknown },
): string {
  if (part.const !== undefined) return `\`${String(part.const)}\``;
  if (part.enum) return part.enum.map((value) => `\`${String(value)}\``).join(", ");
  if (part.anyOf) return [...new Set(part.anyOf.map(shapeOf))].join(" or ");
  if (part.type === "array") return part.items ? `list of ${shapeOf(part.items)}` : "list";
  if (part.type === "object") return part.properties ? "map" : "map of names";
  if (part.type === "string") return "text";
  if (part.type === "boolean") return "true or false";
  return part.type === "null" ? "nothing" : "number";
}

import { z } from "zod";
import { galleySchema } from "./schema.js";

/** A part of a JSON schema, as far as it is read here. */
export interface SchemaPart {
  readonly description?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, SchemaPart>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: SchemaPart | false;
  readonly items?: SchemaPart;
  readonly anyOf?: readonly SchemaPart[];
}

/** The JSON schema of galley.yml, for editors. */
export function galleyJsonSchema(): SchemaPart {
  const { $schema, ...rest } = z.toJSONSchema(galleySchema, { io: "input" });
  return {
    $schema,
    $id: "https://galley.sh/schema/galley-1.json",
    title: "galley.yml",
    description: "What a preview of Galley is made of.",
    ...rest,
  } as SchemaPart;
}

let schema: SchemaPart | undefined;

/** The keys that are accepted at a path of the file. */
export function keysAt(path: readonly PropertyKey[]): readonly string[] {
  schema ??= galleyJsonSchema();
  let parts: readonly SchemaPart[] = [schema];
  for (const step of path) parts = parts.flatMap(forms).flatMap((part) => below(part, step));
  return [...new Set(parts.flatMap(forms).flatMap(({ properties }) => Object.keys(properties ?? {})))];
}

const forms = (part: SchemaPart): readonly SchemaPart[] => [part, ...(part.anyOf ?? []).flatMap(forms)];

function below({ properties, additionalProperties, items }: SchemaPart, step: PropertyKey): SchemaPart[] {
  if (typeof step === "number") return items ? [items] : [];
  const own = properties && Object.hasOwn(properties, String(step)) ? properties[String(step)] : undefined;
  if (own) return [own];
  return additionalProperties ? [additionalProperties] : [];
}

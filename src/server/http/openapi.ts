import swagger from "@fastify/swagger";
import { jsonSchemaTransform } from "fastify-type-provider-zod";
import { z } from "zod";
import { sessionCookie } from "./access.js";
import type { App } from "./zod-app.js";

const failure = z
  .object({ code: z.string(), message: z.string(), hint: z.string().optional() })
  .describe("What went wrong: a stable code, a sentence, and what to do.");

/** Collects the routes that are registered after it into a document; `app.swagger()` has it. */
export async function addOpenApi(app: App, publicUrl: URL): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Galley",
        version: "1",
        description: "Gives every pull request a running copy of the application.",
      },
      servers: [{ url: publicUrl.origin }],
      components: {
        securitySchemes: {
          session: { type: "apiKey", in: "cookie", name: sessionCookie },
          token: { type: "http", scheme: "bearer", description: "An API token, `galley_pat_…`." },
        },
      },
    },
    transform: (input) => {
      const { access } = input.route.config ?? {};
      const scoped = access !== undefined && access !== "public" && access !== "anybody";
      const { response, ...rest } = (input.schema ?? {}) as { response?: Record<string, unknown> };
      const schema = {
        ...rest,
        response: { ...(response ?? {}), default: failure },
        security: scoped ? [{ session: [] }, { token: [] }] : [],
        ...(scoped ? { description: `Needs the scope \`${access}\`.` } : {}),
      };
      return jsonSchemaTransform({ ...input, schema });
    },
  });
}

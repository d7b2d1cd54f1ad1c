import type { ContainerFile } from "../docker/index.js";
import { GalleyError } from "../errors/index.js";
import type { Service } from "../manifest/index.js";

/**
 * What is put into a service's container before it starts. The engine shows nothing of it to whoever looks at the container.
 *
 * @throws manifest_invalid for a secret that the project does not have
 */
export function filesOf(service: Service, secrets: Readonly<Record<string, string>>): ContainerFile[] {
  return (service.files ?? []).map(({ target, content, mode }) => {
    if ("text" in content) return { target, content: Buffer.from(content.text), mode };
    if ("base64" in content) return { target, content: Buffer.from(content.base64, "base64"), mode };
    const value = Object.hasOwn(secrets, content.secret) ? secrets[content.secret] : undefined;
    if (value === undefined) {
      throw new GalleyError(
        "manifest_invalid",
        `service ${service.name} asks for the secret ${content.secret}, which the project does not have`,
        { hint: "Set it in the project's secrets, or take it out of the manifest." },
      );
    }
    return { target, content: Buffer.from(value), mode };
  });
}

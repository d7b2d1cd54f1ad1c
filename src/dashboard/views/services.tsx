import type { Deployment } from "../api/answers.js";
import { fields, text, textOrNull } from "../model/read.js";
import { Copy } from "../ui/copy.js";
import { Out } from "../ui/out.js";

/** What runs in an environment: each service with its image and, if it is public, its address. */
export function Services({ deployment }: { deployment: Deployment }) {
  const services = fields(deployment.services);
  if (services.length === 0) return null;
  return (
    <section>
      <h2>Services</h2>
      <div className="table services">
        {services.map((service) => {
          const [name, url, image] = [text(service.name), textOrNull(service.url), text(service.image)];
          return (
            <div className="row" key={name}>
              <b>{name}</b>
              <span className="url">{url !== null && <Out url={url} />}</span>
              <code className="url quiet" title={image}>
                {image}
              </code>
              <Copy text={image} what={`the image of ${name}`} />
            </div>
          );
        })}
      </div>
    </section>
  );
}

// The local ingress: requests for `pr-1-shop.localhost` to the containers whose labels ask for them, where no Traefik runs. Reads
// the labels that Traefik reads and nothing else of a container: knows no previews, services or deployments.
export { type Ingress, type IngressOptions, startIngress } from "./start.js";

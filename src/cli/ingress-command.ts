import type { Command } from "commander";
import { collect } from "./flags/collect.js";
import type { IngressFlags } from "./run-ingress.js";

export function registerIngress(program: Command): void {
  program
    .command("ingress")
    .summary("serve previews by host name, where no Traefik runs")
    .description(
      "Reads the labels that Traefik reads, from the engine of DOCKER_HOST or of the current docker context, and passes requests on to the containers. Runs until SIGTERM or Ctrl-C.",
    )
    .option("--port <number>", "port to listen on (default: GALLEY_INGRESS_PORT, else 80)")
    .option("--address <ip>", "address to listen on", "127.0.0.1")
    .option("--entrypoint <name>", "the entry point of Traefik that this stands for", "web")
    .option(
      "--agent <id>",
      "an agent whose previews are served, repeatable (default: every container with such labels, whoever made it)",
      collect,
      [],
    )
    .option(
      "--use-published",
      "reach containers by the ports that they publish on 127.0.0.1, where the engine's networks cannot be reached",
    )
    .option(
      "--waking <url>",
      "server that wakes hibernated previews: it is asked for hosts below GALLEY_DOMAIN (else localhost) that have no route",
    )
    .option(
      "--socket <path>",
      "unix socket at which the agent of this machine asks whether requests have moved to new containers (default: GALLEY_INGRESS_SOCKET)",
    )
    .addHelpText(
      "after",
      `
Example:
  galley ingress --port 8000       then http://pr-1-shop.localhost:8000

Exit codes: 0 stopped as it was asked to, 1 it could not start or go on, 2 wrong usage.`,
    )
    .action(async (flags: IngressFlags) => {
      const { runIngress } = await import("./run-ingress.js");
      process.exitCode = await runIngress(flags, process);
    });
}

import type { Command } from "commander";
import type { InitFlags } from "./run-server-init.js";

export function registerServer(program: Command): void {
  const server = program
    .command("server")
    .summary("run the server: API, queue and database")
    .description(
      "Runs until SIGTERM or Ctrl-C, then lets requests end. All settings are environment variables; a bad one is named before anything starts. The log is JSON lines on stdout.",
    )
    .addHelpText(
      "after",
      `
Examples:
  galley server init --dir /var/lib/galley >> .env      keys of the bus, and a master key: once
  GALLEY_MASTER_KEY=… GALLEY_PUBLIC_URL=https://galley.example.org galley server

Exit codes: 0 stopped as it was asked to, 1 it could not start or go on, 2 a setting is wrong.`,
    )
    .action(async () => {
      const { runServer } = await import("./run-server.js");
      process.exitCode = await runServer(process);
    });

  server
    .command("init")
    .summary("make the keys of the bus and a master key")
    .description(
      "Writes the keys of the bus, and with --bus-port a configuration for nats-server, into DIR/bus. Prints lines for the server's .env on stdout: the master key is in no file but yours. Keys that are there stay.",
    )
    .option("--dir <path>", "directory of the server's files", "/var/lib/galley")
    .option("--bus-port <number>", "write nats-server.conf for a bus that listens here")
    .option("--bus-host <address>", "address that the bus listens on", "0.0.0.0")
    .option("--bus-tls-cert <path>", "certificate of the bus, PEM: clients have to speak TLS then")
    .option("--bus-tls-key <path>", "the certificate's key, PEM")
    .option(
      "--bus-only",
      "print no settings: for a container whose output is kept, and a master key made elsewhere",
    )
    .option("--bus-store <path>", "where the bus keeps its streams (default: DIR/bus/store)")
    .addHelpText(
      "after",
      `
Examples:
  galley server init --dir /var/lib/galley --bus-port 4222 >> .env
  nats-server --config /var/lib/galley/bus/nats-server.conf

Exit codes: 0 done, 1 the directory cannot be written, 2 wrong usage.`,
    )
    .action(async (flags: InitFlags) => {
      const { runServerInit } = await import("./run-server-init.js");
      process.exitCode = await runServerInit(flags, process);
    });
}

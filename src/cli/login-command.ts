import type { Command } from "commander";
import { collect } from "./flags/collect.js";
import type { LoginFlags } from "./run-login.js";

export function registerLogin(program: Command): void {
  program
    .command("login")
    .summary("sign in to a Galley server")
    .description(
      "Keeps an API token of its own in ~/.config/galley/config.json (or $XDG_CONFIG_HOME), which only you can read; the password is not kept. On a server that has no user yet, makes the first one.",
    )
    .argument(
      "[url]",
      "address of the server, for example https://galley.example.org (default: the one of before, or GALLEY_URL)",
    )
    .option("--email <address>", "who you are (default: asks)")
    .option("--password-stdin", "read the password from stdin instead of asking")
    .option("--token-stdin", "keep the API token that comes on stdin instead of making one")
    .option(
      "--scope <scope>",
      "what the token may do: read, deploy or admin; repeatable (default: admin)",
      collect,
      [],
    )
    .option("--expires <days>", "days that the token is good for", "90")
    .option("--setup", "make the first user of a new server without being asked")
    .option("--json", "one JSON document about who has signed in where")
    .addHelpText(
      "after",
      `
Examples:
  galley login https://galley.example.org
  galley login localhost:8080                     http, as it is this machine
  galley login --scope deploy galley.example.org  a token that cannot administer
  galley login --email me@example.org --password-stdin galley.example.org < password
  GALLEY_URL=https://galley.example.org GALLEY_TOKEN=galley_pat_… galley env ls    without signing in

Exit codes: 0 signed in, 1 refused, 2 wrong usage, 130 interrupted.`,
    )
    .action(async (url: string | undefined, flags: LoginFlags) => {
      const { runLogin } = await import("./run-login.js");
      process.exitCode = await runLogin(url, flags, process);
    });

  program
    .command("logout")
    .summary("forget the token of a server, and revoke it")
    .argument("[url]", "address of the server (default: the current one)")
    .addHelpText("after", "\nExit codes: 0 forgotten, 1 it was not there, 2 wrong usage.")
    .action(async (url: string | undefined) => {
      const { runLogout } = await import("./run-logout.js");
      process.exitCode = await runLogout(url, process);
    });

  program
    .command("whoami")
    .summary("show which server, user and token commands use")
    .option("--json", "one JSON document")
    .addHelpText("after", "\nExit codes: 0 signed in, 1 not, or the server does not answer.")
    .action(async (flags: { json?: boolean }) => {
      const { runWhoami } = await import("./run-whoami.js");
      process.exitCode = await runWhoami(flags, process);
    });
}

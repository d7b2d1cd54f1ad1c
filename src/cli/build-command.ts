import type { Command } from "commander";
import type { BuildFlags } from "./flags/build-flags.js";
import { collect } from "./flags/collect.js";

const examples = `
Examples:
  galley build .                                   build ./Dockerfile; prints the image's id at the end
  galley build -t shop/web:dev --target runtime .  name it and stop at a stage
  galley build https://github.com/acme/shop.git#main:services/web
  galley build ./shop.git#refs/pull/7/head:web     a commit of a local repository, without a checkout
  tar c . | galley build -t shop -                 a context (or a Dockerfile) from stdin
  galley build --secret id=npm,env=NPM_TOKEN --ssh default .
  galley build -o type=local,dest=out .            files instead of an image
  galley build --repo shop .                       cache mounts of their own for this repository

Exit codes: 0 built, 1 the build failed, 2 wrong usage or something this engine cannot do, 130 interrupted.
The engine is that of DOCKER_HOST or of the current docker context; --builder names another one.`;

export function registerBuild(program: Command): void {
  program
    .command("build")
    .summary("build an image from a directory, a repository or stdin")
    .description("Builds with BuildKit what `docker buildx build` would build; flags mean the same.")
    .argument(
      "[context]",
      "PATH, GIT_URL#REF:SUBDIR, a local repository with #REF, an http(s) URL of a tar, or - for stdin",
      ".",
    )
    .option("-f, --file <path>", "Dockerfile (default: Dockerfile in the context; - reads it from stdin)")
    .option("-t, --tag <name>", "name of the image, repeatable", collect, [])
    .option("--target <stage>", "stop at this stage")
    .option("--build-arg <name=value>", "value of an ARG; without =value from the environment", collect, [])
    .option(
      "--build-context <name=source>",
      "another context: a path, URL, docker-image:// or oci-layout://",
      collect,
      [],
    )
    .option("--secret <spec>", "id=NAME[,src=FILE|,env=VARIABLE]: for RUN --mount=type=secret", collect, [])
    .option("--ssh <spec>", "default|ID[=SOCKET|KEY[,KEY]]: for RUN --mount=type=ssh", collect, [])
    .option("--label <name=value>", "label of the image", collect, [])
    .option("--platform <list>", "target platforms, for example linux/amd64", collect, [])
    .option("--no-cache", "run every step anew (this empties the cache mounts of those steps)")
    .option("--no-cache-filter <stage>", "run the steps of this stage anew", collect, [])
    .option("--pull", "ask the registry for base images even when they are here")
    .option("--add-host <name:address>", "line of /etc/hosts for RUN", collect, [])
    .option("--network <mode>", "network of RUN: default, none or host", "default")
    .option("--shm-size <size>", "size of /dev/shm in RUN, for example 128m")
    .option("--ulimit <name=soft[:hard]>", "limit of RUN, for example nofile=1024", collect, [])
    .option("--cgroup-parent <path>", "parent cgroup of RUN")
    .option("-o, --output <spec>", "what to make, for example type=local,dest=out; repeatable", collect, [])
    .option("--load", "short for --output=type=docker")
    .option("--push", "short for --output=type=registry")
    .option(
      "--cache-from <spec>",
      "cache to read, for example type=local,src=cache or a reference",
      collect,
      [],
    )
    .option("--cache-to <spec>", "cache to write, for example type=local,dest=cache", collect, [])
    .option("--attest <spec>", "attestation, for example type=provenance,mode=max", collect, [])
    .option("--provenance [mode]", "short for --attest=type=provenance")
    .option("--sbom [generator]", "short for --attest=type=sbom")
    .option("--allow <entitlement>", "network.host or security.insecure", collect, [])
    .option("--progress <kind>", "auto, tty, plain, rawjson, json (Galley's events) or quiet")
    .option("-q, --quiet", "print nothing but the image's id")
    .option("--metadata-file <path>", "write the result's metadata as JSON")
    .option("--iidfile <path>", "write the image's id")
    .option(
      "--builder <address>",
      "another BuildKit: unix://, tcp://, docker-container://NAME, or a docker context's name",
    )
    .option("--check", "lint the Dockerfile instead of building (short for --call=check)")
    .option("--call <method>", "build, check, outline or targets")
    .option(
      "--repo <key>",
      "whose caches to use: isolates cache mounts and remembers the context by this name",
    )
    .addHelpText("after", examples)
    .action(async (context: string, flags: BuildFlags) => {
      const { runBuildCommand } = await import("./run-build-command.js");
      process.exitCode = await runBuildCommand(context, flags, process);
    });
}

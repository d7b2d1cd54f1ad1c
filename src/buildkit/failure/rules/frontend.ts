import { isAfterHeredoc, stageNames } from "../dockerfile.js";
import { nearest } from "../nearest.js";
import { imageOf, registryRule } from "./registry.js";
import { atLines, proposed, type Rule, withoutProposal } from "./rule.js";

const instructions =
  "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR".split(
    " ",
  );
const flags =
  "chmod chown checksum exclude from interval keep-git-dir link mount network parents platform retries security start-interval start-period timeout".split(
    " ",
  );

/** The image of `# syntax=` cannot be had, or does not work as a frontend. Before the registry's rule, which it borrows. */
export const frontendImageRule: Rule = (symptom) => {
  const resolving = /^resolve image config for /.test(symptom.vertex?.name ?? "");
  const failing = symptom.vertex === undefined && /^exit code: \d+$/.test(symptom.message);
  const unknown =
    /invalid frontend|unknown frontend|frontend \S+ not found|did not return a (?:ref|result)/i.test(
      symptom.message,
    );
  if (!resolving && !failing && !unknown) return undefined;
  const image = resolving ? ` ${imageOf(symptom) ?? ""}` : "";
  const reason = resolving ? registryRule(symptom) : undefined;
  return {
    code: "frontend_unavailable",
    message:
      reason === undefined
        ? `The frontend${image} that the Dockerfile asks for does not work${atLines(symptom)}.`
        : `The frontend${image} of the Dockerfile's \`# syntax=\` line cannot be loaded. ${reason.message}`,
    hint:
      reason === undefined
        ? "Check the `# syntax=` line: it must name an image that is a BuildKit frontend."
        : `Remove the \`# syntax=\` line to use the frontend that is built into the daemon, or: ${lower(reason.hint)}`,
  };
};

export const dockerfileMissingRule: Rule = (symptom) => {
  const match =
    /failed to read dockerfile: (?:open |failed to load cache key: )?(?:\S*buildkit-mount\d+\/)?([^:]*?):? ?(?:no such file|not found|is a directory)/i.exec(
      symptom.raw,
    );
  if (match === null && !/the Dockerfile \(\S+\) cannot be empty/i.test(symptom.message)) return undefined;
  const name = symptom.known.frontendAttrs?.filename ?? match?.[1] ?? "Dockerfile";
  return {
    code: "dockerfile_not_found",
    message: `There is no Dockerfile named ${name} in the build context.`,
    hint: "Name the Dockerfile (`-f path/to/Dockerfile`), or give the directory that holds it as context.",
  };
};

export const targetRule: Rule = (symptom) => {
  const match = /target stage (?:"([^"]*)"|(\S+)) could not be found/.exec(symptom.message);
  if (match === null) return undefined;
  const target = match[1] ?? match[2] ?? "";
  const stages = symptom.dockerfile === undefined ? [] : stageNames(symptom.dockerfile.text);
  const meant = proposed(symptom.message) ?? nearest(target, stages);
  return {
    code: "target_unknown",
    message: `The Dockerfile has no stage named ${target}.`,
    hint:
      meant !== undefined
        ? `Did you mean ${meant}?`
        : stages.length > 0
          ? `Its stages are: ${stages.slice(0, 12).join(", ")}.`
          : "Give the stage a name in its FROM line (`FROM image AS name`), or choose another target.",
  };
};

export const platformRule: Rule = (symptom) => {
  const text = `${symptom.message}\n${symptom.tail.slice(-5).join("\n")}`;
  if (/exec format error/i.test(text)) {
    return {
      code: "platform_unsupported",
      message: `The step's programs are for another processor than the daemon's${atLines(symptom)}.`,
      hint: "Choose a base image for the daemon's platform, or install emulators there (`docker run --privileged tonistiigi/binfmt --install all`).",
    };
  }
  const absent =
    /no match for platform in manifest|no matching manifest for|does not (?:provide|match) the (?:specified|expected) platform/i.test(
      symptom.message,
    );
  const unknown =
    /unknown operating system or architecture|cannot parse platform|failed to parse platform|invalid platform|operating system is not supported|is an invalid (?:component|OS|platform)|unsupported platform/i.test(
      symptom.message,
    );
  if (!absent && !unknown) return undefined;
  const platform =
    /failed to parse platform (\S+): /.exec(symptom.message)?.[1] ?? symptom.known.frontendAttrs?.platform;
  const named = platform === undefined ? "the wanted platform" : `the platform ${platform}`;
  const image = imageOf(symptom);
  return absent
    ? {
        code: "platform_unsupported",
        message: `The image ${image ?? "named there"} does not exist for ${named}${atLines(symptom)}.`,
        hint: "Build for a platform that the image is published for, or choose another base image.",
      }
    : {
        code: "platform_unsupported",
        message: `The daemon does not know ${named}, or cannot build for it${atLines(symptom)}.`,
        hint: "Write the platform as os/arch[/variant], for example linux/amd64 or linux/arm64.",
      };
};

const syntaxText =
  /unterminated heredoc|file with no instructions|no build stage in current context|should not be blank|failed to parse stage name|invalid reference format|circular dependency detected|unexpected key|failed to process "|invalid (?:boolean|value|network mode|field)/i;

/** What the Dockerfile frontend itself refuses. It comes after the rules for what steps and registries refuse. */
export const syntaxRule: Rule = (symptom) => {
  const parse = /^dockerfile parse error(?: on)? line \d+: (.*)$/s.exec(symptom.message);
  // Without a step that failed, an error that points into the Dockerfile can only be the frontend's.
  const frontends =
    symptom.vertex === undefined &&
    ((symptom.linesTold && symptom.dockerfile !== undefined) || symptom.details?.frontend !== undefined);
  if (parse === null && !frontends && !(symptom.vertex === undefined && syntaxText.test(symptom.message))) {
    return undefined;
  }
  const reason = withoutProposal(parse?.[1] ?? symptom.message);
  return {
    code: "dockerfile_syntax",
    message: `The Dockerfile has an error${atLines(symptom)}: ${reason}.`,
    hint: syntaxHint(reason, proposed(symptom.message), symptom.dockerfile?.text, symptom.lines[0]?.start),
  };
};

function syntaxHint(
  reason: string,
  meant: string | undefined,
  text: string | undefined,
  line: number | undefined,
): string {
  if (meant !== undefined) return `Did you mean ${meant}?`;
  const instruction = /unknown instruction: (\S+)/i.exec(reason)?.[1];
  if (instruction !== undefined) {
    if (text !== undefined && line !== undefined && isAfterHeredoc(text, line)) {
      return "This engine's frontend does not know heredocs (<<EOT): join the commands with &&, or use a newer engine.";
    }
    const near = nearest(instruction, instructions);
    return near === undefined
      ? "Correct the instruction; a command needs RUN before it."
      : `Did you mean ${near}?`;
  }
  const flag = /unknown flag: (?:--)?(\S+)/i.exec(reason)?.[1];
  if (flag !== undefined) {
    const near = nearest(flag, flags);
    if (near !== undefined && near !== flag) return `Did you mean --${near}?`;
    return "Remove the flag, or use an engine or a `# syntax=` frontend that knows it.";
  }
  if (/should not be blank/.test(reason)) {
    return "Give the variable in FROM a value: a default in its ARG line before the first FROM, or a build argument.";
  }
  if (/no build stage/.test(reason)) return "Begin the Dockerfile with a FROM line.";
  if (/no instructions/.test(reason)) return "Write at least one FROM line into the Dockerfile.";
  if (/heredoc/.test(reason)) return "End the heredoc with its delimiter alone on a line.";
  if (/must be lowercase/.test(reason)) return "Write the image's name in lower case.";
  if (/unexpected key/.test(reason))
    return "Remove the key, or use an engine or a `# syntax=` frontend that knows it.";
  return "Correct the marked lines of the Dockerfile.";
}

function lower(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}

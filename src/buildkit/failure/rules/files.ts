import { PatternMatcher } from "../../context/pattern-matcher.js";
import { nearest } from "../nearest.js";
import type { Symptom } from "../symptom.js";
import { unquote } from "../text.js";
import { atLines, type Rule } from "./rule.js";

const quoted = `("(?:[^"\\\\]|\\\\.)*")`;
// 20.10 says it twice (`"/nope" not found: not found`), newer ones say of which ref (`... checksum of ref X: "/nope": not found`).
const missing = new RegExp(`${quoted}(?: not found)?: not found$`, "s");
const walked = /(?:lstat|stat|open) (\S+): no such file or directory$/;

/** A source of COPY, ADD or a bind mount that is not there. */
export const copySourceRule: Rule = (symptom) => {
  const step = (symptom.vertex?.name ?? "").replace(/^\[[^\]]*\]\s*/, "");
  const instruction = /^(?:LINK )?(COPY|ADD|RUN)\b/.exec(step)?.[1];
  if (/^(?:process "|executor failed running \[)/.test(symptom.message)) return undefined;
  const match =
    missing.exec(symptom.message) ?? (instruction === "RUN" ? null : walked.exec(symptom.message));
  if (match?.[1] === undefined || (instruction === undefined && !/checksum of ref/.test(symptom.message)))
    return undefined;
  const path = unquote(match[1]).replace(/^\/(?=.)/, "");
  const from = /(?:--from=|[,=\s]from=)([^\s,]+)/.exec(step)?.[1];
  if (from !== undefined) {
    return {
      code: "copy_source_missing",
      message: `There is no ${path} in ${from}, from which ${instruction ?? "a step"} takes it${atLines(symptom)}.`,
      hint: `Check the path, and that an earlier step of ${from} really makes it; paths there begin at the root (/${path}).`,
    };
  }
  return {
    code: "copy_source_missing",
    message: `There is no ${path} in the build context, which ${instruction ?? "a step"} wants${atLines(symptom)}.`,
    hint: contextHint(path, symptom),
  };
};

function contextHint(path: string, symptom: Symptom): string {
  const patterns = symptom.known.ignorePatterns ?? [];
  const guilty = ignoredBy(path, patterns);
  if (guilty !== undefined) {
    return `The ignore file leaves it out with the pattern \`${guilty}\`: remove the pattern, or add \`!${path}\` after it.`;
  }
  const here =
    symptom.known.contextNames === undefined ? undefined : nearest(path, symptom.known.contextNames);
  if (here !== undefined) return `Did you mean ${here}?`;
  return symptom.known.ignorePatterns === undefined || patterns.length > 0
    ? "Check the path (it counts from the context's root, not from the Dockerfile), and whether the .dockerignore leaves it out."
    : "Check the path: it counts from the context's root, not from the Dockerfile.";
}

/** The pattern that decides that the path is left out: the last one that matches it or a directory above. */
function ignoredBy(path: string, patterns: readonly string[]): string | undefined {
  try {
    if (patterns.length === 0 || !new PatternMatcher(patterns).matchesOrParentMatches(path)) return undefined;
    return patterns.findLast(
      (pattern) =>
        !pattern.trim().startsWith("!") && new PatternMatcher([pattern]).matchesOrParentMatches(path),
    );
  } catch {
    // A pattern that cannot be read matches nothing here; whoever serves the context has reported it already.
    return undefined;
  }
}

/** ADD of a URL or of a git repository, or a remote build context, that cannot be fetched. */
export const remoteSourceRule: Rule = (symptom) => {
  const step = (symptom.vertex?.name ?? "").replace(/^\[[^\]]*\]\s*/, "");
  const url =
    /^(?:ADD (?:--\S+ )*|load git source |load remote build context |copy )?((?:https?|git|ssh|git@)\S*)/.exec(
      step,
    )?.[1];
  if (url === undefined) return undefined;
  const status = /invalid response status (\d+)/.exec(symptom.message)?.[1];
  const git = /git|repository/i.test(symptom.message) && !/^(?:Get|Head) "/.test(symptom.message);
  const reason = status === undefined ? firstReason(symptom.message) : `the server answered ${status}`;
  return {
    code: "source_unavailable",
    message: `${url} could not be fetched${atLines(symptom)}: ${reason}.`,
    hint: git
      ? "Check the address and the ref, that the repository is public or a token (secret GIT_AUTH_TOKEN) is given, and the daemon's network."
      : "Check the address in a browser, and the network and proxy settings of the machine that the daemon runs on.",
  };
};

function firstReason(message: string): string {
  const fatal = /^fatal: (.*)$/m.exec(message)?.[1];
  return (fatal ?? message.split("\n")[0]?.replace(/^(?:Get|Head) "[^"]*": /, "") ?? message).replace(
    /[.:]$/,
    "",
  );
}

export const secretRule: Rule = (symptom) => {
  const id = /(?:^|: )secret (\S+?)(?: not found)?: not found/.exec(symptom.message)?.[1];
  if (id !== undefined) {
    return {
      code: "secret_missing",
      message: `The step wants the build secret ${id}, which was not given${atLines(symptom)}.`,
      hint: `Give it with \`--secret id=${id},src=FILE\` or \`--secret id=${id},env=NAME\`, or drop \`required\` from the mount.`,
    };
  }
  // Without any agent in the session the daemon names the id as the Dockerfile does, which may be not at all: `""`.
  const match = /(?:unset ssh forward key|no SSH key) "?([^\s"]*)"?/i.exec(symptom.message);
  if (match !== null || /sshforward/i.test(symptom.message)) {
    const ssh = match?.[1] || "default";
    const named = ssh === "default" ? "" : ` under the id ${ssh}`;
    return {
      code: "ssh_agent_missing",
      message: `The step wants an ssh agent${named}, and none was forwarded${atLines(symptom)}.`,
      hint: `Start an agent (\`eval $(ssh-agent); ssh-add\`) and forward it with \`--ssh ${ssh}\`, or drop \`required\` from the mount.`,
    };
  }
  return undefined;
};

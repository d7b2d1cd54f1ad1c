import { expect, test } from "vitest";
import { downLine } from "./down-line.js";

test("What takes previews down can be pasted: with the command as it was started, and the directory where it is not the usual one.", () => {
  const env = { HOME: "/home/me" };
  const usual = "/home/me/.local/share/galley";
  expect(downLine(usual, "/usr/local/bin/galley", env)).toBe("galley down");
  expect(downLine("/src/.galley", "/usr/local/bin/galley", env)).toBe("galley down --data-dir /src/.galley");
  expect(downLine("/src/.galley", "/src/dist/cli/main.js", { ...env, npm_package_name: "galley" })).toBe(
    "npx galley down --data-dir /src/.galley",
  );
  expect(downLine(usual, "/usr/local/bin/galley", { ...env, npm_package_name: "shop" })).toBe("galley down");
  expect(downLine("/it's here", "/my src/main.js", env)).toBe(
    `node '/my src/main.js' down --data-dir '/it'\\''s here'`,
  );
});

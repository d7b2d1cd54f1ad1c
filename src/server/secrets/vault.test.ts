import { createSecretKey, randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { bindings } from "./bindings.js";
import { createVault } from "./vault.js";

const vault = createVault(createSecretKey(randomBytes(32)));
const here = bindings.secret("prj1", "PASSWORD");

describe("a sealed value", () => {
  test("opens to what was sealed, and does not show it", () => {
    const sealed = vault.seal(here, "hunter2 — ünï");
    expect(vault.open(here, sealed)).toBe("hunter2 — ünï");
    expect(sealed).not.toContain("hunter2");
    expect(vault.open(here, vault.seal(here, ""))).toBe("");
  });

  test("is another one each time", () => {
    expect(vault.seal(here, "a")).not.toBe(vault.seal(here, "a"));
  });

  test("does not open in another row", () => {
    const sealed = vault.seal(here, "hunter2");
    for (const elsewhere of [
      bindings.secret("prj2", "PASSWORD"),
      bindings.secret("prj1", "OTHER"),
      bindings.registry("prj1", "PASSWORD"),
    ])
      expect(() => vault.open(elsewhere, sealed)).toThrow(expect.objectContaining({ code: "internal" }));
  });

  test("does not open when any part of it was changed, and the error does not quote it", () => {
    const parts = vault.seal(here, "hunter2").split(".");
    const [version, keyId, wrapped, value] = parts as [string, string, string, string];
    const flip = (text: string) => `${text[0] === "A" ? "B" : "A"}${text.slice(1)}`;
    const other = vault.seal(here, "x").split(".")[3];
    for (const broken of [
      ["v2", keyId, wrapped, value],
      [version, "0".repeat(16), wrapped, value],
      [version, keyId, flip(wrapped), value],
      [version, keyId, wrapped, flip(value)],
      [version, keyId, wrapped, value.slice(0, 20)],
      [version, keyId, wrapped, other],
      [version, keyId, wrapped],
      [""],
    ])
      expect(() => vault.open(here, broken.join("."))).toThrow(
        expect.objectContaining({
          code: "internal",
          message: expect.stringMatching(/^The value of project_secrets\/prj1\/PASSWORD [^.]*\.$/),
        }),
      );
  });

  test("opens under no other master key, until that key has taken it over", () => {
    const next = createVault(createSecretKey(randomBytes(48)));
    const sealed = vault.seal(here, "hunter2");
    expect(() => next.open(here, sealed)).toThrow(/another master key/);
    const taken = next.take(vault, here, sealed);
    expect(next.open(here, taken)).toBe("hunter2");
    expect(() => vault.open(here, taken)).toThrow(/another master key/);
    expect(() => next.take(vault, bindings.secret("prj2", "PASSWORD"), sealed)).toThrow();
  });
});

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tarOf } from "./tar.js";

test("an archive is unpacked by tar with its names, modes and bytes, long names and empty files among them", () => {
  const long = `${"d".repeat(90)}/${"e".repeat(60)}/${"f".repeat(90)}`;
  const folder = mkdtempSync(join(tmpdir(), "galley-tar-"));
  try {
    const archive = tarOf([
      { name: "a/", mode: 0o755, content: Buffer.alloc(0) },
      { name: "a/secret", mode: 0o400, content: Buffer.from("s3cret") },
      { name: "a/empty", mode: 0o444, content: Buffer.alloc(0) },
      { name: "a/block", mode: 0o644, content: Buffer.alloc(512, 7) },
      { name: long, mode: 0o755, content: Buffer.from("ü") },
    ]);
    execFileSync("tar", ["-x", "-p", "-C", folder], { input: archive });
    expect(readFileSync(join(folder, "a/secret"), "utf8")).toBe("s3cret");
    expect(statSync(join(folder, "a/secret")).mode & 0o777).toBe(0o400);
    expect(statSync(join(folder, "a/empty")).size).toBe(0);
    expect(readFileSync(join(folder, "a/block"))).toEqual(Buffer.alloc(512, 7));
    expect(readFileSync(join(folder, long), "utf8")).toBe("ü");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a name that the format cannot hold is refused and not cut", () => {
  expect(() => tarOf([{ name: "x".repeat(101), mode: 0o644, content: Buffer.alloc(0) }])).toThrow("too long");
});

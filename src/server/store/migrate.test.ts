import { describe, expect, test } from "vitest";
import { checksum, nextMigration } from "./migrate.js";
import { migrations } from "./migrations/index.js";

const first = { name: "0001_one", sql: "select 1" };
const second = { name: "0002_two", sql: "select 2" };
const record = (migration: typeof first) => ({ name: migration.name, checksum: checksum(migration) });

describe("the next migration", () => {
  test("is the first one on an empty database, and none when all are applied", () => {
    expect(nextMigration([], [first, second])).toBe(first);
    expect(nextMigration([record(first)], [first, second])).toBe(second);
    expect(nextMigration([record(first), record(second)], [first, second])).toBeUndefined();
  });

  test("is refused when a newer version of Galley has migrated the database", () => {
    expect(() => nextMigration([record(first), record(second)], [first])).toThrow(
      expect.objectContaining({
        code: "database_incompatible",
        message: expect.stringContaining('"0002_two"'),
      }),
    );
  });

  test("is refused when one that was applied has been edited since", () => {
    expect(() => nextMigration([record({ ...first, sql: "select 3" })], [first, second])).toThrow(
      expect.objectContaining({
        code: "database_incompatible",
        message: expect.stringContaining("0001_one"),
      }),
    );
  });
});

test("the numbers of the migrations count up from 0001, none twice", () => {
  const numbers = migrations.map(({ name }) => Number(name.slice(0, 4)));
  expect(numbers[0]).toBe(1);
  expect(numbers).toEqual([...new Set(numbers)].sort((one, other) => one - other));
});

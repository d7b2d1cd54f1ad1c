import { expect, test } from "vitest";
import {
  compareListings,
  formatListing,
  type MountListing,
  parseListing,
  summaryOf,
} from "./mount-listing.js";

const read = (...lines: string[]): MountListing => {
  const listing = parseListing(lines.map((line) => `${line}\n`).join(""));
  if (!listing) throw new Error("it should have been read");
  return listing;
};

test("A listing is read, written and read again; blanks in names are part of them.", () => {
  const listing = read(
    "1 81a4 5 1700000000 0 0 ./a file",
    "1 a1ff 3 1700000000 0 0 ./link",
    "- 41ed 0 - 0 0 ./d",
  );
  expect([...listing.keys()]).toEqual(["a file", "link", "d"]);
  expect(parseListing(formatListing(listing))).toEqual(listing);
});

test.each([
  "no line of a listing",
  "1 81a4 5 1700000000 0 0 ./a\\b",
  "1 81a4 5 1700000000 0 0 ./a\ufffd",
  "1 81a4 5 1700000000 0 0 ./a\nb",
  "1 81a4 5 1700000000 0 0 ./a\n1 81a4 5 1700000000 0 0 ./a",
  "1 81a4 five 1700000000 0 0 ./a",
])("Names that no list could hold are not compared file by file: %j.", (text) => {
  expect(parseListing(text)).toBeUndefined();
});

test("Changed is what is new or has another size, time, mode, owner or kind; replaced is what of the older one means nothing any more.", () => {
  const before = read(
    "1 81a4 5 100 0 0 ./same",
    "1 81a4 5 100 0 0 ./longer",
    "1 81a4 7 100 0 0 ./gone",
    "1 81a4 9 100 0 0 ./becomes-a-folder",
    "- 41ed 0 - 0 0 ./folder",
    "- 41ed 0 - 0 0 ./gone-too",
  );
  const after = read(
    "1 81a4 5 100 0 0 ./same",
    "1 81a4 6 100 0 0 ./longer",
    "- 41ed 0 - 0 0 ./becomes-a-folder",
    "- 41c0 0 - 0 0 ./folder",
    "1 81a4 1 100 0 0 ./folder/new",
  );
  expect(compareListings(before, after)).toEqual({
    changed: ["becomes-a-folder", "folder", "folder/new", "longer"],
    replaced: ["longer", "gone", "becomes-a-folder", "gone-too"],
    replacedBytes: 21,
    changedBytes: 7,
  });
});

test("Files with several names are not compared one by one.", () => {
  const one = read("1 81a4 5 100 0 0 ./a");
  const two = read("2 81a4 5 100 0 0 ./a", "2 81a4 5 100 0 0 ./b");
  expect(compareListings(one, two)).toBeUndefined();
  expect(compareListings(two, one)).toBeUndefined();
});

test("The sum of a listing is that of its archive: entries, bytes, and the largest directories first.", () => {
  const { bytes, entries, directories } = summaryOf(
    read(
      "1 81a4 700 1 0 0 ./a/b/file",
      "1 81a4 10 1 0 0 ./z",
      "1 a1ff 99 1 0 0 ./link",
      "- 41ed 0 - 0 0 ./a",
    ),
  );
  // A header each, and two blocks and one for the content; the mount's own folder, and two blocks of the end.
  expect(bytes).toBe(512 * (4 + 3 + 3));
  expect(entries).toBe(5);
  expect(directories).toEqual([
    { path: ".", bytes: 710, files: 3 },
    { path: "a", bytes: 700, files: 1 },
    { path: "a/b", bytes: 700, files: 1 },
  ]);
});

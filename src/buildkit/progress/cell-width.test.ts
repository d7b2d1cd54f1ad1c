import { expect, test } from "vitest";
import { cellWidth, fitCells, padCells } from "./cell-width.js";

test("wide characters take two cells, marks and colours none", () => {
  expect(cellWidth("abc")).toBe(3);
  expect(cellWidth("支付")).toBe(4);
  expect(cellWidth("ｆｕｌｌ")).toBe(8);
  expect(cellWidth("한국어")).toBe(6);
  expect(cellWidth("e\u0301")).toBe(1);
  expect(cellWidth("🚀")).toBe(2);
  expect(cellWidth("👩‍👩‍👧")).toBe(2);
  expect(cellWidth("🇩🇪")).toBe(2);
  expect(cellWidth("❤️")).toBe(2);
  expect(cellWidth("●✓✕…│")).toBe(5);
  expect(cellWidth("\u001b[31mred\u001b[0m")).toBe(3);
});

test("a text is cut in front of the character that does not fit", () => {
  expect(fitCells("abcdef", 6)).toBe("abcdef");
  expect(fitCells("abcdef", 5)).toBe("abcd…");
  expect(fitCells("支付服务", 8)).toBe("支付服务");
  expect(fitCells("支付服务", 7)).toBe("支付服…");
  expect(fitCells("支付服务", 6)).toBe("支付…");
  expect(fitCells("abc", 1)).toBe("…");
  expect(fitCells("abc", 0)).toBe("");
});

test("colours that are open at the cut are closed", () => {
  expect(fitCells("\u001b[31mabcdef\u001b[0m", 4)).toBe("\u001b[31mabc…\u001b[0m");
  expect(fitCells("\u001b[31mabc\u001b[0m", 3)).toBe("\u001b[31mabc\u001b[0m");
});

test("no text is ever wider than what it was fitted to, and padding fills it exactly", () => {
  const texts = [
    "支a付b服c务",
    "👩‍👩‍👧👩‍👩‍👧 x",
    "\u001b[1me\u0301e\u0301e\u0301支\u001b[0m",
    "x".repeat(100_000),
    `${"支".repeat(50)}\u001b[3`,
  ];
  for (const text of texts) {
    for (let columns = 0; columns < 20; columns += 1) {
      expect(
        cellWidth(fitCells(text, columns).replace("\u001b[3", "")),
        `${text.slice(0, 20)} in ${columns}`,
      ).toBeLessThanOrEqual(columns);
    }
  }
  expect(padCells("支付", 6)).toBe("支付  ");
  expect(cellWidth(padCells("支付服务", 5))).toBe(5);
});

// A terminal of the simplest kind, to see what a person would see: cells, a cursor, scrolling, wrapping, and, when it is
// resized, the re-flow of wrapped rows that tmux, VTE, kitty and xterm.js do. It throws on any sequence it does not know,
// so that nothing is written to terminals that nobody has thought about.
import { EventEmitter } from "node:events";

interface Row {
  cells: string[];
  /** Goes on in the next row because it was too long. */
  wrapped: boolean;
}

const wideCharacter =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}]/u;
const continuation = "";

export class VirtualTerminal extends EventEmitter {
  readonly isTTY = true;
  columns: number;
  rows: number;
  cursorVisible = true;
  autoWrap = true;
  writes = 0;
  /** Answer of the next writes: false is a terminal that does not keep up. */
  ready = true;
  #lines: Row[] = [{ cells: [], wrapped: false }];
  #top = 0;
  #y = 0;
  #x = 0;

  constructor(columns = 80, rows = 24) {
    super();
    this.columns = columns;
    this.rows = rows;
  }

  write(chunk: string): boolean {
    this.writes += 1;
    const sequence = /\u001b\[([?0-9;:]*)([A-Za-z])|([\s\S])/uy;
    for (let match = sequence.exec(chunk); match; match = sequence.exec(chunk)) {
      const [, parameters = "", final, character] = match;
      if (final !== undefined) this.#control(parameters, final);
      else this.#put(character ?? "");
    }
    return this.ready;
  }

  /** Everything that was ever shown and not erased, scrolled rows first, without empty rows at the end. */
  get history(): string[] {
    return trimEnd(this.#lines.map(text));
  }

  get screen(): string[] {
    return trimEnd(this.#lines.slice(this.#top, this.#top + this.rows).map(text));
  }

  resize(columns: number, rows: number): void {
    const logical: { cells: string[]; cursor?: number }[] = [{ cells: [] }];
    this.#lines.forEach((row, y) => {
      const line = logical.at(-1) ?? { cells: [] };
      if (y === this.#y) line.cursor = line.cells.length + this.#x;
      line.cells.push(...row.cells);
      if (!row.wrapped && y < this.#lines.length - 1) logical.push({ cells: [] });
    });
    this.#lines = [];
    for (const { cells, cursor } of logical) {
      const first = this.#lines.length;
      for (let from = 0; from === 0 || from < cells.length; from += columns) {
        this.#lines.push({
          cells: cells.slice(from, from + columns),
          wrapped: from + columns < cells.length,
        });
      }
      if (cursor !== undefined) {
        this.#y = Math.min(this.#lines.length - 1, first + Math.floor(cursor / columns));
        this.#x = cursor % columns;
      }
    }
    this.columns = columns;
    this.rows = rows;
    this.#top = Math.max(0, this.#lines.length - rows);
    this.emit("resize");
  }

  #control(parameters: string, final: string): void {
    const count = Number(parameters || 1);
    const row = this.#row();
    if (final === "m" && /^[0-9;:]*$/.test(parameters)) return;
    if (final === "A") this.#y = Math.max(this.#top, this.#y - count);
    else if (final === "K" && parameters === "") row.cells.length = Math.min(row.cells.length, this.#x);
    else if (final === "J" && parameters === "") {
      row.cells.length = Math.min(row.cells.length, this.#x);
      this.#lines.length = this.#y + 1;
    } else if (final === "h" || final === "l") this.#mode(parameters, final === "h");
    else throw new Error(`unknown control sequence ${JSON.stringify(parameters + final)}`);
    row.wrapped = false;
  }

  #mode(parameters: string, on: boolean): void {
    if (parameters === "?25") this.cursorVisible = on;
    else if (parameters === "?7") this.autoWrap = on;
    else if (parameters !== "?2026") throw new Error(`unknown mode ${parameters}`);
  }

  #put(character: string): void {
    if (character === "\r") this.#x = 0;
    else if (character === "\n") this.#lineFeed();
    else if (/\p{M}|\u200d|\ufe0f/u.test(character)) {
      const row = this.#row();
      row.cells[Math.max(0, this.#x - 1)] += character;
    } else if (/\p{Cc}/u.test(character)) {
      throw new Error(`control character ${JSON.stringify(character)} reached the terminal`);
    } else {
      const width = wideCharacter.test(character) ? 2 : 1;
      if (this.#x + width > this.columns) {
        if (this.autoWrap) {
          this.#row().wrapped = true;
          this.#lineFeed();
          this.#x = 0;
        } else {
          this.#x = this.columns - width;
        }
      }
      const { cells } = this.#row();
      while (cells.length < this.#x) cells.push(" ");
      cells[this.#x] = character;
      if (width === 2) cells[this.#x + 1] = continuation;
      this.#x += width;
    }
  }

  #lineFeed(): void {
    this.#y += 1;
    if (this.#y >= this.#lines.length) this.#lines.push({ cells: [], wrapped: false });
    if (this.#y >= this.#top + this.rows) this.#top = this.#y - this.rows + 1;
  }

  #row(): Row {
    const row = this.#lines[this.#y];
    if (row === undefined) throw new Error("the cursor has left the terminal");
    return row;
  }
}

const text = (row: Row) => row.cells.join("").trimEnd();

function trimEnd(rows: string[]): string[] {
  while (rows.at(-1) === "") rows.pop();
  return rows;
}

export interface ServerSentEvent {
  /** Of the last `id:` line. */
  readonly id: string;
  /** `message` unless an `event:` line says otherwise. */
  readonly type: string;
  readonly data: string;
}

/** An event is one JSON line of at most 128 KiB of text; more than this is no event of ours. Characters. */
const longest = 32 * 1024 * 1024;

/** Cuts the text of an event stream into events, however it is cut into pieces. */
export class ServerSentEvents {
  #rest = "";

  push(text: string): ServerSentEvent[] {
    const all = this.#rest + text;
    const blocks = all.split("\n\n");
    this.#rest = blocks.pop() ?? "";
    if (this.#rest.length > longest) throw new RangeError("an event without an end");
    return blocks.flatMap((block) => read(block) ?? []);
  }
}

function read(block: string): ServerSentEvent | undefined {
  let id = "";
  let type = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const value = line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    const field = line.slice(0, colon);
    if (field === "id") id = value;
    else if (field === "event") type = value;
    else if (field === "data") data.push(value);
  }
  return data.length === 0 ? undefined : { id, type, data: data.join("\n") };
}

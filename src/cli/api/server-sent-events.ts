/** One message of a stream of server-sent events. */
export interface ServerSentEvent {
  /** `message` where the stream names none. */
  readonly type: string;
  readonly data: string;
  /** The last id that the stream has given, with this message or before it. */
  readonly id: string;
}

/** A message beyond this is no message of ours. Characters. */
const longest = 16 * 1024 * 1024;

/** Takes the text of a stream apart, however it is cut into pieces (HTML Living Standard, 9.2.6). Throws RangeError when a message is too long. */
export class ServerSentEvents {
  #rest = "";
  #type = "";
  #data: string[] = [];
  #size = 0;
  #id = "";

  push(text: string): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    // A carriage return at the end may be the first half of a line end.
    const all = this.#rest + text;
    const until = all.endsWith("\r") ? all.length - 1 : all.length;
    let from = 0;
    for (;;) {
      const end = lineEnd(all, from, until);
      if (end === undefined) break;
      const event = this.#line(all.slice(from, end.at));
      if (event) events.push(event);
      from = end.next;
    }
    this.#rest = all.slice(from);
    if (this.#rest.length > longest) throw new RangeError("a line of the stream is too long");
    return events;
  }

  #line(line: string): ServerSentEvent | undefined {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (field === "event") this.#type = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "data") {
      this.#size += value.length;
      if (this.#size > longest) throw new RangeError("a message of the stream is too long");
      this.#data.push(value);
    }
    return undefined;
  }

  #dispatch(): ServerSentEvent | undefined {
    const event =
      this.#data.length === 0
        ? undefined
        : { type: this.#type || "message", data: this.#data.join("\n"), id: this.#id };
    this.#type = "";
    this.#data = [];
    this.#size = 0;
    return event;
  }
}

function lineEnd(text: string, from: number, until: number): { at: number; next: number } | undefined {
  for (let at = from; at < until; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x0a) return { at, next: at + 1 };
    if (code === 0x0d) return { at, next: at + (text.charCodeAt(at + 1) === 0x0a ? 2 : 1) };
  }
  return undefined;
}

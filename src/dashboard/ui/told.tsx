/** A sentence of the server or the agent, in which commands and names stand between backticks. */
export function Told({ text }: { text: string }) {
  return text.split("`").map((part, index, parts) =>
    // The last one has no partner when their number is odd.
    // biome-ignore lint/suspicious/noArrayIndexKey: parts of one sentence
    index % 2 === 1 && index < parts.length - 1 ? <code key={index}>{part}</code> : part,
  );
}

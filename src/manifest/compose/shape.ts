/**
 * What a value of a compose file may be. `flag`: true or false, or a word for one of them, as of a variable. A `map` has these keys and no
 * others but extensions (`x-…`), and not even those where it is `plain`, unless it is `open`; of `each`, whatever its keys are, the values are alike.
 */
export type Shape =
  | "anything"
  | "flag"
  | "nothing"
  | "number"
  | "text"
  | "whole number"
  | { readonly words: readonly string[] }
  | { readonly like: RegExp; readonly accepted: string }
  | { readonly least: number; readonly most: number }
  | { readonly list: Shape; readonly distinct?: true }
  | {
      readonly map: Readonly<Record<string, Shape>>;
      readonly needed?: readonly string[];
      readonly open?: true;
      readonly plain?: true;
    }
  | { readonly each: Shape; readonly names?: RegExp }
  | { readonly any: readonly Shape[] };

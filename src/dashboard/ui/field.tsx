import { type InputHTMLAttributes, type ReactNode, useId } from "react";

interface FieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, "onChange" | "value"> {
  readonly label: string;
  readonly hint?: ReactNode;
  readonly value: string;
  readonly onValue: (value: string) => void;
  /** Several lines, for keys. */
  readonly rows?: number;
}

/** A labelled input with what is accepted beneath it. */
export function Field({ label, hint, value, onValue, rows, ...input }: FieldProps) {
  const id = useId();
  const described = hint ? `${id}-hint` : undefined;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {rows === undefined ? (
        <input
          {...input}
          id={id}
          value={value}
          aria-describedby={described}
          onChange={(event) => onValue(event.target.value)}
        />
      ) : (
        <textarea
          id={id}
          rows={rows}
          value={value}
          required={input.required}
          spellCheck={false}
          aria-describedby={described}
          onChange={(event) => onValue(event.target.value)}
        />
      )}
      {hint && (
        <small id={described} className="quiet">
          {hint}
        </small>
      )}
    </div>
  );
}

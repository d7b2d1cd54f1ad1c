import { Field } from "../ui/field.js";

export interface CredentialInput {
  readonly kind: "none" | "token" | "ssh";
  readonly token: string;
  readonly privateKey: string;
  readonly knownHosts: string;
}

export const noCredential: CredentialInput = { kind: "none", token: "", privateKey: "", knownHosts: "" };

/** As the API takes it; undefined for none. */
export function credentialBody({ kind, token, privateKey, knownHosts }: CredentialInput): object | undefined {
  if (kind === "token") return { kind, token };
  if (kind === "ssh") return { kind, privateKey, ...(knownHosts === "" ? {} : { knownHosts }) };
  return undefined;
}

const kinds = [
  ["none", "public, no login"],
  ["token", "access token"],
  ["ssh", "ssh key"],
] as const;

interface CredentialFieldsProps {
  readonly value: CredentialInput;
  readonly onValue: (value: CredentialInput) => void;
}

/** How the repository is read. What is entered is sealed on the server and never shown again. */
export function CredentialFields({ value, onValue }: CredentialFieldsProps) {
  return (
    <fieldset>
      <legend>Read the repository with</legend>
      <div className="choices">
        {kinds.map(([kind, label]) => (
          <label key={kind}>
            <input
              type="radio"
              name="credential"
              checked={value.kind === kind}
              onChange={() => onValue({ ...value, kind })}
            />
            {label}
          </label>
        ))}
      </div>
      {value.kind === "token" && (
        <Field
          label="Token"
          type="password"
          autoComplete="off"
          required
          hint="Of GitHub: fine-grained, with read access to the contents."
          value={value.token}
          onValue={(token) => onValue({ ...value, token })}
        />
      )}
      {value.kind === "ssh" && (
        <>
          <Field
            label="Private key"
            rows={5}
            required
            hint="Of a deploy key, without a passphrase."
            value={value.privateKey}
            onValue={(privateKey) => onValue({ ...value, privateKey })}
          />
          <Field
            label="Known hosts"
            rows={2}
            hint="Only for hosts other than GitHub, GitLab and Bitbucket: their lines of known_hosts."
            value={value.knownHosts}
            onValue={(knownHosts) => onValue({ ...value, knownHosts })}
          />
        </>
      )}
    </fieldset>
  );
}

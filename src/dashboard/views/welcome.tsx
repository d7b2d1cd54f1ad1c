import { type FormEvent, useState } from "react";
import type { User } from "../api/answers.js";
import { call } from "../api/client.js";
import { useAction } from "../api/use-action.js";
import { Field } from "../ui/field.js";
import { Logo } from "../ui/logo.js";
import { Problem } from "../ui/problem.js";

/** The first set-up (`first`) or the sign-in. */
export function Welcome({ first, onSignedIn }: { first: boolean; onSignedIn: (user: User) => void }) {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const action = useAction(async () => {
    const { user } = await call<{ user: User }>("POST", first ? "/setup" : "/session", { email, password });
    onSignedIn(user);
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void action.run();
  };
  return (
    <main className="welcome">
      <form onSubmit={submit}>
        <Logo />
        <h1>{first ? "Set up Galley" : "Sign in"}</h1>
        {first && (
          <p className="quiet">
            You are the first one here. This account administers the server: it adds agents, projects and
            their secrets.
          </p>
        )}
        <Field
          label="E-mail address"
          type="email"
          autoComplete="username"
          required
          autoFocus
          value={email}
          onValue={setEmail}
        />
        <Field
          label="Password"
          type="password"
          autoComplete={first ? "new-password" : "current-password"}
          required
          minLength={first ? 10 : undefined}
          hint={first ? "At least 10 characters." : undefined}
          value={password}
          onValue={setPassword}
        />
        <Problem error={action.error} />
        <button type="submit" className="primary" disabled={action.busy}>
          {first ? "Create the administrator" : "Sign in"}
        </button>
      </form>
    </main>
  );
}

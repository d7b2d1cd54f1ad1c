import { Component, type ReactNode } from "react";

/** A fault of ours takes down what it is in, and says so instead of leaving an empty page. */
export class Broken extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <main className="welcome">
        <div className="problem" role="alert">
          <strong>This page has a fault: {error.message}</strong>
          <span>Load it again. What runs on the server and the agents is not touched by it.</span>
        </div>
      </main>
    );
  }
}

// The web app: what the server knows, live, in a browser. Talks to the public API and its event streams only, and must not know
// how the server, the agents or the builds do what they do.
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.js";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/deployment.css";
import "./styles/caches.css";
import { applyTheme, storedTheme } from "./ui/theme.js";

applyTheme(storedTheme());
const root = document.getElementById("app");
if (root)
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );

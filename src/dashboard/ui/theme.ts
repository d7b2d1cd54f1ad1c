export const themes = ["auto", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

const key = "galley.theme";

/** What was chosen in this browser; `auto` follows the system. */
export function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem(key);
    return themes.find((theme) => theme === stored) ?? "auto";
  } catch {
    return "auto"; // storage is switched off
  }
}

export function applyTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(key, theme);
  } catch {
    // it holds until the page is left
  }
}

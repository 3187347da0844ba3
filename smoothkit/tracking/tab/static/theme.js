// Dark or light: as TensorBoard is, or else as the reader's system is.

const system = matchMedia("(prefers-color-scheme: dark)");

// TensorBoard marks its own page, of which this one is a frame of the same origin.
function host() {
  try {
    return parent === window ? null : parent.document.body;
  } catch {
    return null;
  }
}

export function isDark() {
  return document.documentElement.dataset.theme === "dark";
}

// Set the theme now and whenever it changes; `changed` is called after each change.
export function followTheme(changed) {
  const body = host();
  const apply = () => {
    const theme = (body ? body.classList.contains("dark-mode") : system.matches) ? "dark" : "light";
    if (document.documentElement.dataset.theme === theme) return;
    document.documentElement.dataset.theme = theme;
    changed();
  };
  if (body) new MutationObserver(apply).observe(body, { attributes: true, attributeFilter: ["class"] });
  else system.addEventListener("change", apply);
  apply();
}

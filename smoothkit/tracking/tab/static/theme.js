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

// Set the theme now and whenever it changes; the style sheet does the rest.
export function followTheme() {
  const body = host();
  const apply = () => {
    const dark = body ? body.classList.contains("dark-mode") : system.matches;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  };
  if (body) new MutationObserver(apply).observe(body, { attributes: true, attributeFilter: ["class"] });
  else system.addEventListener("change", apply);
  apply();
}

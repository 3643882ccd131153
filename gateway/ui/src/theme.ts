// Sets the chosen theme before the first paint. A script of its own, as the page has none inline.
// A theme in the address (`?theme=`) holds for the tab, the choice that was made in the page for the browser.
try {
  const asked = new URLSearchParams(location.search).get('theme');
  if (asked === 'light' || asked === 'dark' || asked === 'auto') sessionStorage.setItem('hookgate.theme', asked);
  const theme = sessionStorage.getItem('hookgate.theme') ?? localStorage.getItem('hookgate.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset['theme'] = theme;
} catch {
  // Storage is refused: the system's preference holds.
}

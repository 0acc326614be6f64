// The chosen theme, set before the first paint; app.js changes it. '' follows the system.
{
  let theme = ''
  try { theme = localStorage.getItem('theme') ?? '' } catch { /* storage is off */ }
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
}

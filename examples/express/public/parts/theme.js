/** Light, dark, or as the system has it; remembered in this browser. */

const NAMES = { system: 'System', light: 'Light', dark: 'Dark' }

export function theme() {
  const button = document.getElementById('theme')
  let chosen = localStorage.getItem('theme') ?? 'system'

  function show() {
    document.documentElement.dataset.theme = chosen
    button.querySelector('[data-label]').textContent = NAMES[chosen]
    button.setAttribute('aria-label', `Colours: ${NAMES[chosen]}`)
  }

  button.addEventListener('click', () => {
    const all = Object.keys(NAMES)
    chosen = all[(all.indexOf(chosen) + 1) % all.length]
    localStorage.setItem('theme', chosen)
    show()
  })
  show()
}

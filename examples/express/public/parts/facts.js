/** The figures beside the title. */

export function facts(live) {
  const show = (id, text) => {
    document.getElementById(`fact-${id}`).textContent = text
  }

  async function refresh() {
    const response = await fetch('/api/house').catch(() => undefined)
    if (!response?.ok) return
    const { pid, keys, memory } = await response.json()
    show('pid', `node, pid ${pid}`)
    show('keys', keys)
    show('memory', memory)
  }

  live.onState((state) => {
    const fact = document.getElementById('fact-live')
    fact.dataset.state = state
    fact.textContent = state === 'on' ? 'open' : 'lost, trying again'
  })
  refresh()
  setInterval(() => document.hidden || refresh(), 3000)
}

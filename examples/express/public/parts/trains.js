/** A slow answer, and the same one from the cache. */
import { element, on, room, spent } from './room.js'

export function trains() {
  const { one, say, ask } = room('trains')
  const form = one('form')

  function show({ hit, ms, apiMs, savedMs, ttl, departures }) {
    one('.race').hidden = false
    one('.board').hidden = false
    one('[data-api]').style.width = '100%'
    one('[data-now]').style.width = `${Math.min(100, (ms / apiMs) * 100)}%`
    one('[data-api-ms]').textContent = `${apiMs} ms`
    one('[data-now-ms]').textContent = spent(Math.max(1, Math.round(ms * 1000)))
    one('.board tbody').replaceChildren(
      ...departures.rows.map(({ at, to, platform }) => {
        const row = element('tr')
        row.append(element('td', at), element('td', to), element('td', `platform ${platform}`))
        return row
      }),
    )
    const total = `${(savedMs / 1000).toFixed(1)}\u00a0s saved so far.`
    if (hit) say(`From the cache, for ${ttl}\u00a0s more. ${total}`, 'good')
    else say(`From the railway. Ask again within ${ttl}\u00a0s. ${total}`)
  }

  on(form, 'submit', async () => {
    say('Asking …')
    const answer = await ask('GET', `trains/${form.elements.station.value}`)
    if (answer) show(answer)
  })

  on(one('[data-forget]'), 'click', async () => {
    const answer = await ask('DELETE', `trains/${form.elements.station.value}`)
    if (answer) say(answer.removed ? 'Forgotten: the next one waits again.' : 'Nothing was kept.')
  })
}

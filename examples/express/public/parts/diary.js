/** The latest entries of the stream, and new ones as they are written. */
import { element, on, room } from './room.js'

const SHOWN = 5

export function diary(live) {
  const { section, one, say, ask } = room('diary')
  const list = one('.entries')

  function show({ id, who, what }) {
    if (list.querySelector(`[data-id="${id}"]`)) return
    const row = element('li')
    row.dataset.id = id
    row.append(element('span', `${who} ${what}`), element('code', id))
    list.prepend(row)
    while (list.children.length > SHOWN) list.lastChild.remove()
  }

  for (const chip of section.querySelectorAll('.chip')) {
    on(chip, 'click', async () => {
      const answer = await ask('POST', 'diary', { what: chip.value })
      if (answer) say(`${answer.length} ${answer.length === 1 ? 'entry' : 'entries'} in the diary.`)
    })
  }

  live.on('diary', show)
  ask('GET', 'diary', undefined, { quiet: true }).then((answer) => {
    for (const entry of answer?.entries.reverse() ?? []) show(entry)
  })
}

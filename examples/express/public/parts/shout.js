/** Messages that reach every open window. */
import { element, on, room } from './room.js'

const SHOWN = 4

export function shout(live) {
  const { one, say, ask } = room('shout')
  const list = one('.heard')

  on(one('form'), 'submit', async ({ currentTarget: form }) => {
    const answer = await ask('POST', 'shout', { text: form.elements.text.value })
    if (!answer) return
    form.reset()
    say(`Heard by ${answer.heard} subscriber${answer.heard === 1 ? '' : 's'}.`, 'good')
  })

  live.on('shout', ({ from, text, at }) => {
    const row = element('li')
    const time = new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
    row.append(element('span', `${from}: ${text}`), element('time', time))
    list.prepend(row)
    while (list.children.length > SHOWN) list.lastChild.remove()
  })
}

/** Orders on their way through the queue. */
import { element, on, room } from './room.js'

const STATES = { waiting: 'waiting', baking: 'in the oven', ready: 'ready' }

export function oven(live) {
  const { one, say, ask } = room('oven')

  function show({ jobs, waiting }) {
    one('.jobs').replaceChildren(
      ...jobs.map(({ id, dish, who, state }) => {
        const row = element('li')
        row.dataset.state = state
        row.append(
          element('span', `${dish} for ${who} (no. ${id})`),
          element('span', STATES[state], { className: 'tag' }),
        )
        return row
      }),
    )
    if (jobs.length > 0) say(waiting ? `${waiting} waiting in the queue.` : 'The queue is empty.')
  }

  on(one('form'), 'submit', async ({ currentTarget: form }) => {
    // What it answers is shown by the event that it causes, like everybody's orders.
    await ask('POST', 'oven', { dish: form.elements.dish.value })
  })

  live.on('oven', show)
  ask('GET', 'oven', undefined, { quiet: true }).then((answer) => answer && show(answer))
}

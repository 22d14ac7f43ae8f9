/** Orders on their way through the queue. */
import { element, on, room } from './room.js'

const STATES = { waiting: 'waiting', baking: 'in the oven', ready: 'ready' }

export function oven(live) {
  const { one, say, ask } = room('oven')
  const rows = new Map()

  /** Each order keeps its row, so that its bar moves instead of being drawn anew. */
  function show({ jobs, waiting }) {
    for (const id of rows.keys()) if (!jobs.some((job) => job.id === id)) rows.delete(id)
    for (const job of jobs) {
      if (!rows.has(job.id)) rows.set(job.id, order(job))
      rows.get(job.id).show(job)
    }
    one('.jobs').replaceChildren(...jobs.map(({ id }) => rows.get(id).row))
    if (jobs.length > 0) say(waiting ? `${waiting} waiting in the queue.` : 'The queue is empty.')
  }

  on(one('form'), 'submit', async ({ currentTarget: form }) => {
    // What it answers is shown by the event that it causes, like everybody's orders.
    await ask('POST', 'oven', { dish: form.elements.dish.value })
  })

  live.on('oven', show)
  live.on('oven-progress', ({ id, percent }) => rows.get(id)?.bake(percent))
  ask('GET', 'oven', undefined, { quiet: true }).then((answer) => answer && show(answer))
}

function order({ id, dish, who }) {
  const row = element('li')
  const tag = element('span', '', { className: 'tag' })
  const bar = element('progress', '', { max: 100, value: 0, ariaLabel: dish })
  row.append(element('span', `${dish} for ${who} (no.\u00a0${id})`), tag, bar)

  /** News may overtake each other: a bar never goes back. */
  function bake(percent) {
    bar.value = Math.max(bar.value, percent)
    if (row.dataset.state === 'baking') tag.textContent = `${bar.value} %`
  }

  function show({ state, percent }) {
    row.dataset.state = state
    tag.textContent = STATES[state]
    bake(percent)
  }

  return { row, show, bake }
}

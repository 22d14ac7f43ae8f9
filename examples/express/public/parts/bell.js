/** Ringing until the limit says no. */
import { countDown, on, room } from './room.js'

export function bell() {
  const { one, say, ask, section } = room('bell')
  const form = one('form')
  let stop = () => {}

  function light(remaining, limit = 5) {
    for (const [at, lamp] of section.querySelectorAll('.lamps i').entries()) {
      lamp.classList.toggle('lit', at < remaining)
    }
    one('.lamps').setAttribute('aria-label', `${remaining} of ${limit} rings left`)
  }

  function fresh() {
    stop()
    light(5)
    say('Five rings left.')
  }

  function show({ blocked, remaining, limit, waitMs }) {
    stop()
    light(remaining, limit)
    stop = countDown(waitMs, (seconds) => {
      if (seconds === 0 && blocked) return say('You may ring again.', 'good')
      if (seconds === 0) return fresh()
      if (blocked) return say(`Blocked: too many rings. Try again in ${seconds}\u00a0s.`, 'bad')
      const rings = remaining === 1 ? '1 ring' : `${remaining} rings`
      say(`Ding-dong! ${rings} left; all are back in ${seconds}\u00a0s.`)
    })
  }

  on(form, 'submit', async () => {
    const answer = await ask('POST', `bell/${form.elements.algorithm.value}`)
    if (answer) show(answer)
  })

  on(one('[data-reset]'), 'click', async () => {
    if (await ask('DELETE', `bell/${form.elements.algorithm.value}`)) fresh()
  })

  on(form.elements.algorithm, 'change', fresh)
  light(5)
}

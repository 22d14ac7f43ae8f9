/** Signing in, and being known again after a reload. */
import { on, room } from './room.js'

export function frontDoor() {
  const { section, one, say, ask } = room('front-door')

  function show({ name, visits, key, ttl }) {
    for (const part of section.querySelectorAll('[data-when]')) {
      part.hidden = part.dataset.when !== (name ? 'in' : 'out')
    }
    document.documentElement.dataset.name = name ?? ''
    if (!name) return
    one('[data-hello]').textContent = `Welcome home, ${name}.`
    one('[data-visits]').textContent =
      visits === 1
        ? 'Now reload the page.'
        : `You have loaded this page ${visits} times in this session.`
    one('[data-key]').textContent = `Kept under ${key}, ends in ${Math.round(ttl / 60)} minutes.`
  }

  on(one('form'), 'submit', async ({ currentTarget: form }) => {
    const me = await ask('POST', 'login', { name: form.elements.name.value })
    if (me) show(me)
    if (me) say('Your session is saved.', 'good')
  })

  on(one('[data-leave]'), 'click', async () => {
    const me = await ask('POST', 'logout')
    if (me) show(me)
    if (me) say('Your session is gone.')
  })

  ask('GET', 'me').then((me) => me && show(me))
}

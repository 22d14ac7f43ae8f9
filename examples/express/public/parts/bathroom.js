/** Who is inside, for how long yet, and whether we hold the token that opens. */
import { countDown, on, room } from './room.js'

export function bathroom(live) {
  const { one, say, ask } = room('bathroom')
  let token
  let stop = () => {}

  function show({ holder, ttlMs }) {
    stop()
    if (!holder) return free()
    one('.door').dataset.state = 'taken'
    one('.sign').textContent = 'Taken'
    stop = countDown(ttlMs, (seconds) => {
      if (seconds === 0) return free()
      one('[data-who]').textContent = `${holder} is inside, ${seconds}\u00a0s at most.`
    })
  }

  function free() {
    token = undefined
    one('[data-release]').disabled = true
    one('.door').dataset.state = 'free'
    one('.sign').textContent = 'Free'
    one('[data-who]').textContent = 'Nobody is inside.'
  }

  on(one('[data-take]'), 'click', async () => {
    const answer = await ask('POST', 'bathroom', {})
    if (!answer) return
    show(answer)
    if (answer.refused) return say('The door stays shut: SET NX answered nil.', 'bad')
    token = answer.token
    one('[data-release]').disabled = false
    say(`You are in. Your token is ${token}.`, 'good')
  })

  on(one('[data-other]'), 'click', async () => {
    const answer = await ask('POST', 'bathroom', { as: 'housemate' })
    if (!answer) return
    show(answer)
    if (answer.refused) say('Linus finds it locked: SET NX answered nil.', 'bad')
    else say('Linus is in, and only his token opens.')
  })

  on(one('[data-release]'), 'click', async () => {
    const answer = await ask('DELETE', 'bathroom', { token })
    if (!answer) return
    show(answer)
    if (answer.released) say('The door is open again.', 'good')
    else say('Too late: the lock had ended by itself.', 'bad')
  })

  live.on('bathroom', show)
  ask('GET', 'bathroom', undefined, { quiet: true }).then((answer) => answer && show(answer))
}

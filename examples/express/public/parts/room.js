/** What every room does: find its elements, ask the server, show the answer. */

/** The elements of one room, by selector, and its ways to speak. */
export function room(id) {
  const section = document.getElementById(id)
  const one = (selector) => section.querySelector(selector)

  function say(text, tone = '') {
    const note = one('.note')
    note.textContent = text
    note.dataset.tone = tone
  }

  /**
   * Asks the server and shows the commands it ran. Refusals (409, 429) are answers like others;
   * what went wrong is said in the room, and gives undefined.
   */
  async function ask(method, path, body, { quiet = false } = {}) {
    try {
      const response = await fetch(`/api/${path}`, {
        method,
        headers: body && { 'Content-Type': 'application/json' },
        body: body && JSON.stringify(body),
      })
      const answer = await response.json()
      if (answer.error) throw new Error(answer.error)
      if (!quiet) showTape(one('.tape'), answer.commands)
      return answer
    } catch (error) {
      say(
        error instanceof TypeError ? 'The house does not answer. Is it running?' : error.message,
        'bad',
      )
      return undefined
    }
  }

  return { section, one, say, ask }
}

const TAPE_MAX = 8

function showTape(tape, commands = []) {
  const lines = commands.slice(0, TAPE_MAX).map(({ text, us }) => {
    const line = element('li')
    line.append(element('code', text))
    if (us !== undefined) line.append(element('span', spent(us)))
    return line
  })
  const more = commands.length - lines.length
  if (more > 0) lines.push(element('li', `and ${more} more`))
  tape.replaceChildren(...lines)
}

export function element(name, text = '', props = {}) {
  const made = document.createElement(name)
  made.textContent = text
  return Object.assign(made, props)
}

/** Microseconds, in the unit that reads best. */
export function spent(us) {
  if (us < 1000) return `${us} µs`
  return us < 1_000_000 ? `${(us / 1000).toFixed(1)} ms` : `${(us / 1_000_000).toFixed(2)} s`
}

/** Runs `act` on the event and keeps the control busy meanwhile. */
export function on(target, event, act) {
  target.addEventListener(event, async (happened) => {
    happened.preventDefault()
    const control = happened.submitter ?? happened.currentTarget
    control.setAttribute('aria-busy', 'true')
    try {
      await act(happened)
    } finally {
      control.removeAttribute('aria-busy')
    }
  })
}

/** Calls `show` with the seconds left, now and whenever they change; answers how to stop. */
export function countDown(ms, show) {
  const end = Date.now() + ms
  let timer
  const step = () => {
    const left = Math.max(0, end - Date.now())
    show(Math.ceil(left / 1000))
    if (left > 0) timer = setTimeout(step, left % 1000 || 1000)
  }
  step()
  return () => clearTimeout(timer)
}

/** The server's events, from one connection for the whole page. */

export function listen() {
  const source = new EventSource('/api/live')
  return {
    /** Calls `act` with the data of every event of that name. */
    on(event, act) {
      source.addEventListener(event, ({ data }) => act(JSON.parse(data)))
    },
    onState(act) {
      source.addEventListener('open', () => act('on'))
      source.addEventListener('error', () => act('off'))
    },
  }
}

'use strict'

/**
 * An event stream: a log that keeps its entries, and readers that wait for the next one.
 *
 *   diary   the latest hundred entries
 */

const { Router } = require('express')

const KEY = 'diary'
const SHOWN = 6

function routes(redis) {
  const router = Router()

  router.get('/diary', async (_request, response) => {
    const entries = await redis.xrevrange(KEY, '+', '-', 'COUNT', SHOWN)
    response.json({ entries: entries.map(toEntry), length: await redis.xlen(KEY) })
  })

  router.post('/diary', async ({ body, session }, response) => {
    const what = String(body?.what ?? '')
      .trim()
      .slice(0, 60)
    if (!what) return response.status(400).json({ error: 'What happened?' })
    const who = session.name ?? 'Somebody'
    const id = await redis.xadd(KEY, 'MAXLEN', '~', 100, '*', 'who', who, 'what', what)
    response.json({ id, length: await redis.xlen(KEY) })
  })

  return router
}

/** Reads on from the end of the stream and gives every new entry to `onEntry`. */
function openReader(redis, onEntry) {
  const client = redis.duplicate()
  let open = true

  async function read() {
    let last = '$'
    while (open) {
      try {
        const [[, entries]] = await client.xread('BLOCK', 0, 'STREAMS', KEY, last)
        for (const entry of entries) onEntry(toEntry(entry))
        last = entries.at(-1)[0]
      } catch (error) {
        if (open) throw error
      }
    }
  }

  const done = read()
  function close() {
    open = false
    client.disconnect()
    return done
  }
  return { close }
}

/** `['1700000000000-0', ['who', 'Ada', 'what', 'fed the cat']]` as an object. */
function toEntry([id, [, who, , what]]) {
  return { id, who, what }
}

module.exports = { openReader, routes }

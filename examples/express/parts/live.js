'use strict'

/**
 * What happens in the house, as server-sent events.
 *
 *   house:*   channels; what is published on `house:oven` reaches the browsers as event `oven`
 *
 * One subscribed client serves every browser.
 */

const { Router } = require('express')

const CHANNELS = 'house:'

function openLive(redis) {
  const browsers = new Set()

  function tell(event, data) {
    const text = typeof data === 'string' ? data : JSON.stringify(data)
    for (const browser of browsers) browser.write(`event: ${event}\ndata: ${text}\n\n`)
  }

  const subscriber = redis.duplicate()
  subscriber.psubscribe(`${CHANNELS}*`).catch(() => {}) // closed before it was subscribed
  subscriber.on('pmessage', (_pattern, channel, message) => {
    tell(channel.slice(CHANNELS.length), message)
  })

  const router = Router()

  router.get('/live', (request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
    response.write('event: hello\ndata: {}\n\n')
    browsers.add(response)
    request.on('close', () => browsers.delete(response))
  })

  router.get('/house', async (_request, response) => {
    const info = await redis.info()
    const field = (name) => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1].trim()
    response.json({
      keys: await redis.dbsize(),
      memory: field('used_memory_human') ?? '',
      served: Number(field('total_commands_processed') ?? 0),
      windows: browsers.size,
      pid: process.pid,
    })
  })

  function close() {
    subscriber.disconnect()
    for (const browser of browsers) browser.end()
  }

  return { router, tell, close }
}

module.exports = { openLive }

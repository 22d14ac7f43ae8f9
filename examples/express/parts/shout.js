'use strict'

/**
 * Live notifications: whoever listens on the channel hears it at once; nothing is kept.
 *
 *   house:shout   the channel; `live.js` passes it on to the browsers
 */

const { Router } = require('express')

function shout(redis) {
  const router = Router()

  router.post('/shout', async ({ body, session }, response) => {
    const text = String(body?.text ?? '')
      .trim()
      .slice(0, 120)
    if (!text) return response.status(400).json({ error: 'Say something first.' })
    const message = { from: session.name ?? 'Somebody', text, at: Date.now() }
    const heard = await redis.publish('house:shout', JSON.stringify(message))
    response.json({ heard })
  })

  return router
}

module.exports = shout

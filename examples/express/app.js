'use strict'

/**
 * A shared house, run on latchkey: one Express app, eight uses of Redis, no Redis server.
 *
 * Each part of the page is one file in `parts/`, which says what it keeps under which keys. This
 * file makes the clients and puts the parts together. With ioredis and a server the same code would
 * run unchanged: only the two `require`s below are latchkey's.
 */

const { randomBytes } = require('node:crypto')
const path = require('node:path')
const express = require('express')
const Redis = require('latchkey')
const { connection } = require('latchkey/bullmq')
const bathroom = require('./parts/bathroom.js')
const bell = require('./parts/bell.js')
const diary = require('./parts/diary.js')
const frontDoor = require('./parts/front-door.js')
const league = require('./parts/league.js')
const { openLive } = require('./parts/live.js')
const { openOven } = require('./parts/oven.js')
const shout = require('./parts/shout.js')
const trains = require('./parts/trains.js')
const { recorded, tape } = require('./tape.js')

/**
 * @param {object} [options]
 * @param {object} [options.redis] options for the clients, `{ store }` for one
 * @param {string} [options.secret] signs the session cookies; without one, sessions end with us
 * @param {number} [options.apiMs] how slow the railway's computer is
 * @param {number} [options.bakeMs] how long the oven takes
 * @returns an Express app; `app.locals.close()` ends its clients
 */
function createApp({ redis: options = {}, secret, apiMs = 900, bakeMs = 4000 } = {}) {
  const redis = recorded(new Redis(options))
  const live = openLive(redis)
  const oven = openOven(recorded(connection(options)), { bakeMs, tell: live.tell })
  const reader = diary.openReader(redis, (entry) => live.tell('diary', entry))

  const app = express()
  app.disable('x-powered-by')
  app.use(express.static(path.join(__dirname, 'public')))
  app.use('/api', express.json(), tape)
  app.use('/api', live.router)
  app.use('/api', frontDoor(redis, { secret: secret ?? randomBytes(32).toString('hex') }))
  app.use('/api', trains(redis, { apiMs }))
  app.use('/api', bell(redis))
  app.use('/api', league(redis))
  app.use('/api', oven.router)
  app.use('/api', shout(redis))
  app.use('/api', diary.routes(redis))
  app.use('/api', bathroom(redis))
  app.use('/api', (_request, response) => response.status(404).json({ error: 'No such door' }))
  app.use('/api', (error, _request, response, _next) => {
    console.error(error)
    response.status(500).json({ error: error.message })
  })

  app.locals.close = () => {
    reader.close()
    oven.close()
    live.close()
    redis.disconnect()
  }
  return app
}

module.exports = { createApp }

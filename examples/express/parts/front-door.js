'use strict'

/**
 * Sessions: express-session keeps them in latchkey.
 *
 *   sess:<id>   the session as JSON; its deadline is the cookie's
 */

const { Router } = require('express')
const session = require('express-session')
const { SessionStore } = require('latchkey/session')

const ONE_HOUR_MS = 60 * 60 * 1000

function frontDoor(redis, { secret }) {
  const router = Router()

  router.use(
    session({
      store: new SessionStore({ client: redis }),
      secret,
      name: 'house',
      resave: false,
      saveUninitialized: false,
      cookie: { maxAge: ONE_HOUR_MS, sameSite: 'lax' },
    }),
  )

  router.get('/me', async (request, response) => {
    if (!request.session.name) return response.json({ name: null })
    request.session.visits += 1
    response.json(await describe(redis, request))
  })

  router.post('/login', async (request, response) => {
    const name = String(request.body?.name ?? '')
      .trim()
      .slice(0, 20)
    if (!name) return response.status(400).json({ error: 'Tell us your name first.' })
    await renewed(request)
    request.session.name = name
    request.session.visits = 1
    request.session.since = Date.now()
    // Saved now and not with the answer, so that the key is there for the page to look at.
    await saved(request)
    response.json(await describe(redis, request))
  })

  router.post('/logout', async (request, response) => {
    await new Promise((resolve, reject) => {
      request.session.destroy((error) => (error ? reject(error) : resolve()))
    })
    response.clearCookie('house').json({ name: null })
  })

  return router
}

/** What the page shows of the session, and its key as Redis sees it. */
async function describe(redis, { session, sessionID }) {
  const ttl = await redis.ttl(`sess:${sessionID}`)
  const { name, visits, since } = session
  return { name, visits, since, key: `sess:${sessionID.slice(0, 6)}…`, ttl }
}

/** A new id at login, so that nobody can have planted the old one. */
function renewed(request) {
  return new Promise((resolve, reject) => {
    request.session.regenerate((error) => (error ? reject(error) : resolve()))
  })
}

function saved(request) {
  return new Promise((resolve, reject) => {
    request.session.save((error) => (error ? reject(error) : resolve()))
  })
}

module.exports = frontDoor

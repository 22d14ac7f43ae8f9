'use strict'

/**
 * Rate limits: express-rate-limit counts in latchkey, by any of three algorithms.
 *
 *   bell:<algorithm>:<address>   what this caller has used of five rings in ten seconds
 */

const { Router } = require('express')
const { rateLimit } = require('latchkey/rate-limit')

const ALGORITHMS = ['fixed-window', 'sliding-window', 'gcra']

function bell(redis) {
  const router = Router()

  for (const algorithm of ALGORITHMS) {
    const limiter = rateLimit({
      client: redis,
      prefix: `bell:${algorithm}:`,
      algorithm,
      windowMs: 10_000,
      limit: 5,
      standardHeaders: 'draft-8',
      legacyHeaders: false,
      handler: (request, response) => response.status(429).json(describe(request)),
    })
    router.post(`/bell/${algorithm}`, limiter, (request, response) => {
      response.json(describe(request))
    })
    router.delete(`/bell/${algorithm}`, async (request, response) => {
      await limiter.resetKey(request.ip)
      response.json({ used: 0 })
    })
  }

  return router
}

function describe({ rateLimit: { used, limit, remaining, resetTime } }) {
  return { blocked: used > limit, limit, remaining, waitMs: Math.max(0, resetTime - Date.now()) }
}

module.exports = bell

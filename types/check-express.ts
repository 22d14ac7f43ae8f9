/** Held against the declarations by `tsc`: the shims as an application writes them. */
import express from 'express'
import session from 'express-session'
import Redis from 'latchkey'
import rateLimit, {
  type ClientRateLimitInfo,
  ipKeyGenerator,
  type Options,
  type RateLimitOptions,
  rateLimit as named,
  Store,
} from 'latchkey/rate-limit'
import { SessionStore } from 'latchkey/session'

const app = express()

const sessions = new SessionStore({ prefix: 's:', ttl: (session) => session.cookie.maxAge ?? 60 })
app.use(session({ secret: 's', store: sessions, resave: false, saveUninitialized: false }))

const ids: Promise<string[]> = sessions.ids()
sessions.length((error, length) => {
  const count: number | undefined = length
  return [error, count]
})
new SessionStore({ client: new Redis() })
// @ts-expect-error: a prefix is text
new SessionStore({ prefix: 1 })

app.use(
  rateLimit({
    algorithm: 'gcra',
    windowMs: 1000,
    limit: (request) => (request.ip ? 10 : 1),
    keyGenerator: (request) => ipKeyGenerator(request.ip ?? ''),
    standardHeaders: 'draft-8',
  }),
)
const limiter = named({ limit: 3 })
limiter.resetKey('k')
// @ts-expect-error: no such algorithm
named({ algorithm: 'leaky' })
// @ts-expect-error: the store is ours
named({ store: new Store() })

const client = new Redis()
const store = new Store({ client, prefix: 'api:', algorithm: 'sliding-window' })
const info: Promise<ClientRateLimitInfo | undefined> = store.get('k')
const options: Partial<Options> = { store }
const ours: RateLimitOptions = { prefix: 'p:' }

export { ids, info, options, ours }

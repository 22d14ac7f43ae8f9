'use strict'

/**
 * The class that session stores extend: express-session's own `Store` where that package is.
 *
 * Without it there is a stand-in with the same methods: a store that nobody plugs into
 * express-session (others speak the same contract) needs nothing from it.
 */

const { EventEmitter } = require('node:events')
const { requirePeer } = require('./peer.js')

class StandIn extends EventEmitter {
  regenerate(request, callback) {
    // @ts-expect-error what extends this class has it
    this.destroy(request.sessionID, (error) => {
      // @ts-expect-error express-session has put it there
      this.generate(request)
      callback(error)
    })
  }

  load(sid, callback) {
    // @ts-expect-error what extends this class has it
    this.get(sid, (error, session) => {
      if (error || !session) return callback(error ?? undefined)
      const request = { sessionID: sid, sessionStore: this }
      callback(null, this.createSession(request, session))
    })
  }

  createSession(_request, _session) {
    throw new Error('latchkey/session found no express-session: npm install express-session')
  }
}

module.exports = requirePeer('express-session')?.Store ?? StandIn

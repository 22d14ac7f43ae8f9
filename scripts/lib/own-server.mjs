// A store behind a Unix socket, as a process of its own, for the oracle: its clock stands still
// and is moved by messages, so that a transcript which waits is exact.

import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const { Store } = require('../..')
const { kNative } = require('../../lib/symbols')

const START_MS = 1_700_000_000_000

const store = new Store({ clock: 'manual', startTime: START_MS, seed: 1 })
// as the command line does it: transcripts ask for DEBUG on a socket
store[kNative].configure(['enable-debug-command', 'yes'].map((word) => Buffer.from(word)))
await store.listen({ path: process.argv[2] })
process.on('message', (ms) => {
  store.advance(ms)
  process.send('moved')
})
process.on('disconnect', () => process.exit())

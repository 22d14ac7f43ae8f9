'use strict'

// What tests of published packages have in common. A package must do nothing behind its user's back:
// a test fails during which a TCP connection was opened, or a warning printed. To require this file
// is enough; it stands before `lib/twin`, so that what a test has made ends before its clients do.

const { afterEach } = require('node:test')
const assert = require('node:assert/strict')
const net = require('node:net')

/** Ports of servers that a test has started itself. */
const own = new Set()
let connections = []
let warnings = []

const { connect } = net.Socket.prototype
net.Socket.prototype.connect = function (...args) {
  // `net.connect` passes its arguments as one list that it has put in order already
  const [first, second] = Array.isArray(args[0]) ? args[0] : args
  const { host, path, port } = typeof first === 'object' ? first : addressOf(first, second)
  if (path === undefined && !own.has(Number(port))) {
    connections.push(`${host || 'localhost'}:${port}`)
  }
  return Reflect.apply(connect, this, args)
}

/** What `socket.connect(path)` and `socket.connect(port, host)` mean. */
function addressOf(first, second) {
  if (typeof first === 'string' && Number.isNaN(Number(first))) return { path: first }
  return { port: first, host: typeof second === 'string' ? second : undefined }
}

for (const level of ['warn', 'error']) {
  const print = console[level]
  console[level] = (...args) => {
    warnings.push(args.map(String).join(' '))
    print(...args)
  }
}
process.on('warning', (warning) => warnings.push(String(warning)))

let closers = []

/** Has something closed when the test is over; the last one first. */
function afterwards(close) {
  closers.unshift(close)
}

afterEach(async () => {
  const due = closers
  closers = []
  for (const close of due) await close()
  const seen = { connections, warnings }
  connections = []
  warnings = []
  assert.deepEqual(seen, { connections: [], warnings: [] })
})

/** Lets the test connect to a server of its own. */
function mayConnectTo(port) {
  own.add(port)
  return port
}

/** What was printed so far, by a test that wants it printed. */
function takeWarnings() {
  return warnings.splice(0)
}

module.exports = { afterwards, mayConnectTo, takeWarnings }
